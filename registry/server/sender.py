"""Sends webhook messages; any number of server processes may do so at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks import Webhook

from registry.errors import InvalidReference
from registry.index.webhooks import Claim, Webhooks
from registry.server.reach import check_address

TIMEOUT = 15.0  # seconds, for all of a try; Standard Webhooks 1.0 recommends 15 to 30
SECONDS = 1.0  # between looks at what is due
AT_ONCE = 16

Outcome = tuple[int | None, str]
"""The status of the answer, None without one, and what was wrong."""


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

    async def _send(self, client: httpx2.AsyncClient, claim: Claim) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout):  # of all: an answer that comes byte by byte would never end
                places = await asyncio.to_thread(check_address, claim.url, self._allow_private)
                return await _deliver(client, claim, places)
        except TimeoutError:
            return None, f"no answer within {self._timeout:g} seconds"
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
