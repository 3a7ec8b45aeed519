"""Sends webhook messages: one thread a server process, any number of processes."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
from standardwebhooks import Webhook

from registry.errors import InvalidReference, RegistryError
from registry.index.webhooks import Claim, Webhooks

TIMEOUT = 15.0  # seconds; Standard Webhooks 1.0 recommends 15 to 30
IDLE = 1.0  # seconds between looks at what is due
AT_ONCE = 16

logger = logging.getLogger("registry.server.webhooks")


class Sender:
    """Delivers what is due, until `stop`."""

    def __init__(self, webhooks: Webhooks, allow_private: bool) -> None:
        self._webhooks = webhooks
        self._allow_private = allow_private
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-sender", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message that is being sent."""
        self._stop.set()
        self._thread.join()

    def send_due(self) -> int:
        """Send what is due now, and return how many messages that were."""
        claims = self._webhooks.claim(AT_ONCE)
        with httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
            for claim in claims:
                self._webhooks.settle(claim, *self._send(client, claim))
        return len(claims)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                sent = self.send_due()
            except RegistryError as error:  # the database is gone for a while; what is due stays so
                logger.error("webhooks wait: %s", error.message)
                sent = 0
            if not sent:
                self._stop.wait(IDLE)

    def _send(self, client: httpx2.Client, claim: Claim) -> tuple[int | None, str]:
        try:
            check_address(claim.url, self._allow_private)
            now, body = datetime.now(UTC), json.dumps(claim.payload, separators=(",", ":"))
            headers = {
                "content-type": "application/json",
                "webhook-id": claim.message,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(claim.secret).sign(claim.message, now, body),
            }
            with client.stream("POST", claim.url, content=body.encode(), headers=headers) as response:
                return response.status_code, "" if response.is_success else response.reason_phrase
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, InvalidReference) as error:
            return None, str(error) or type(error).__name__


def check_address(url: str, allow_private: bool) -> None:
    """Refuse addresses that the server must not be made to call.

    Args:
        allow_private: also loopback, link-local and private networks, where the server's own neighbours are.

    Raises:
        InvalidReference: the address is no http address, or leads there.
        OSError: its name cannot be looked up.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise InvalidReference(f"{url[:200]!r} cannot be a webhook's address", "Write https://host/path.")
    if allow_private:
        return
    for *_, place in socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM):
        if not ipaddress.ip_address(place[0]).is_global:
            raise InvalidReference(
                f"{parts.hostname} is an address inside a private network",
                "Use a public one, or let the server's operator start it with --private-webhooks.",
            )
