"""Sends webhook messages: one thread a server process, any number of processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks import Webhook

from registry.errors import InvalidReference, RegistryError
from registry.index.webhooks import Claim, Webhooks
from registry.server.reach import check_address

TIMEOUT = 15.0  # seconds of a whole try; Standard Webhooks 1.0 recommends 15 to 30
IDLE = 1.0  # seconds between looks at what is due
AT_ONCE = 16

Outcome = tuple[int | None, str]
"""The status of the answer, None without one, and what was wrong."""

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
        """Send what is due now, all at once, and return how many messages that were."""
        claims = self._webhooks.claim(AT_ONCE)
        if claims:
            for claim, outcome in zip(claims, asyncio.run(self._send_all(claims)), strict=True):
                self._webhooks.settle(claim, *outcome)
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

    async def _send_all(self, claims: Sequence[Claim]) -> list[Outcome]:
        async with httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
            return await asyncio.gather(*(self._send(client, claim) for claim in claims))

    async def _send(self, client: httpx2.AsyncClient, claim: Claim) -> Outcome:
        try:
            async with asyncio.timeout(TIMEOUT):  # of all: an answer that comes byte by byte would never end
                places = await asyncio.to_thread(check_address, claim.url, self._allow_private)
                return await _deliver(client, claim, places)
        except TimeoutError:
            return None, f"no answer in {TIMEOUT:.0f} seconds"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, InvalidReference) as error:
            return None, str(error) or type(error).__name__


async def _deliver(client: httpx2.AsyncClient, claim: Claim, places: Sequence[str]) -> Outcome:
    """Send it to the first of `places` that takes a connection; to whatever the name leads to where there are none."""
    now, body = datetime.now(UTC), json.dumps(claim.payload, separators=(",", ":"))
    named = httpx2.URL(claim.url)
    headers = {
        "host": named.netloc.decode("ascii"),
        "content-type": "application/json",
        "webhook-id": claim.message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(claim.secret).sign(claim.message, now, body),
    }
    request = {"content": body.encode(), "headers": headers, "extensions": {"sni_hostname": named.host}}
    *others, last = [named.copy_with(host=place) for place in places] or [named]
    for target in others:
        with contextlib.suppress(httpx2.ConnectError):
            return await _post(client, target, request)
    return await _post(client, last, request)


async def _post(client: httpx2.AsyncClient, target: httpx2.URL, request: Mapping[str, Any]) -> Outcome:
    """Send it and read the answer's head; its body is nobody's business."""
    async with client.stream("POST", target, **request) as response:
        return response.status_code, "" if response.is_success else response.reason_phrase
