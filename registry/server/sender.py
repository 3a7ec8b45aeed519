"""Sends webhook messages; any number of server processes may do so at once."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
from standardwebhooks import Webhook

from registry.errors import InvalidReference
from registry.index.webhooks import Claim, Webhooks

TIMEOUT = 15.0  # seconds, for all of a try; Standard Webhooks 1.0 recommends 15 to 30
SECONDS = 1.0  # between looks at what is due
AT_ONCE = 16


class Sender:
    """Delivers what is due."""

    def __init__(self, webhooks: Webhooks, allow_private: bool, timeout: float = TIMEOUT) -> None:
        self._webhooks = webhooks
        self._allow_private = allow_private
        self._timeout = timeout

    def send_due(self) -> int:
        """Send what is due now, all at once, and return how many messages that were.

        A receiver that does not answer, or byte by byte, holds up the others for the timeout and no longer.
        """
        claims = self._webhooks.claim(AT_ONCE)
        if claims:
            for claim, (status, error) in zip(claims, asyncio.run(self._send_all(claims)), strict=True):
                self._webhooks.settle(claim, status, error)
        return len(claims)

    async def _send_all(self, claims: Sequence[Claim]) -> list[tuple[int | None, str]]:
        async with httpx2.AsyncClient(timeout=self._timeout, follow_redirects=False, trust_env=False) as client:
            return await asyncio.gather(*(self._send(client, claim) for claim in claims))

    async def _send(self, client: httpx2.AsyncClient, claim: Claim) -> tuple[int | None, str]:
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.to_thread(check_address, claim.url, self._allow_private)
                now, body = datetime.now(UTC), json.dumps(claim.payload, separators=(",", ":"))
                headers = {
                    "content-type": "application/json",
                    "webhook-id": claim.message,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": Webhook(claim.secret).sign(claim.message, now, body),
                }
                async with client.stream("POST", claim.url, content=body.encode(), headers=headers) as response:
                    return response.status_code, "" if response.is_success else response.reason_phrase
        except TimeoutError:
            return None, f"no answer within {self._timeout:g} seconds"
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
