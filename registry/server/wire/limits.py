"""How many requests a caller may send in a time, and how many wrong tokens an address may try.

Counts in fixed windows, which is what the headers tell clients. Who holds a token is counted by it (from its second
request on: first it must be found good), who holds none by their address. Where the counts are kept is a storage of
`limits`: this process's memory, or one that processes share. A storage that fails refuses nobody.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.errors import RegistryUnavailable
from registry.server.wire.failures import failure

EXEMPT = {"/health", "/ready", "/metrics"}
MAX_KNOWN = 10_000  # tokens that were good lately
MEMORY = "memory://"
NETWORK: dict[str, float] = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}  # seconds; a request waits for it
AWAY = 10.0  # seconds for which a storage that failed is not asked again

logger = logging.getLogger("registry.server")


@dataclass(frozen=True)
class Window:
    """What is left of a window: `remaining` requests for `seconds`; without `open` this one was too many."""

    item: RateLimitItem
    open: bool
    remaining: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """As huggingface_hub reads them (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "ratelimit": f'"api";r={self.remaining};t={self.seconds}',
            "ratelimit-policy": f'"fixed window";"api";q={self.item.amount};w={self.item.get_expiry()}',
        }


class Limiter:
    """Counters in one storage."""

    def __init__(self, storage: str = "") -> None:
        """Use a storage by its address, ``redis://host:6379`` say; by default this process's memory.

        Raises:
            RegistryUnavailable: there is no such storage, or its package is not installed.
        """
        try:
            options = NETWORK if storage.startswith(("redis", "valkey")) else {}
            self._storage = storage_from_string(storage or MEMORY, wrap_exceptions=True, **options)
        except (ConfigurationError, ValueError) as error:
            raise RegistryUnavailable(
                f"limits cannot be counted in {storage.partition('@')[2] or storage}: {error}",
                "Write redis://host:6379, and `pip install redis`.",
            ) from error
        self._inline = isinstance(self._storage, MemoryStorage)
        self._windows = FixedWindowRateLimiter(self._storage)
        self._away_until = 0.0

    async def hit(self, item: RateLimitItem, key: str, *, cost: int = 1) -> Window | None:
        """Count `cost` requests of a caller (0: only look); None while the storage fails."""
        if self._inline:
            return self._hit(item, key, cost)
        return await run_in_threadpool(self._hit, item, key, cost)

    def _hit(self, item: RateLimitItem, key: str, cost: int) -> Window | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            is_open = self._windows.hit(item, key, cost=cost) if cost else self._windows.test(item, key)
            reset, remaining = self._windows.get_window_stats(item, key)
        except StorageError as error:
            logger.error("limits are not kept for %d s, since their storage fails: %s", AWAY, error.storage_error)
            self._away_until = time.monotonic() + AWAY
            return None
        return Window(item, is_open, max(0, remaining), max(1, math.ceil(reset - time.time())))


def parse_limit(text: str) -> RateLimitItem | None:
    """``600/minute`` or ``5 per 2 hours``; nothing for no limit.

    Raises:
        RegistryUnavailable: it is no limit.
    """
    try:
        return parse(text) if text else None
    except ValueError as error:
        raise RegistryUnavailable(f"{text!r} is no limit", "Write a number and a time, such as 600/minute.") from error


class RateLimits:
    """Middleware: refuse whoever sends too many requests, or tries too many tokens.

    While an address may try no more tokens, those that were found good a short while ago still work from there, so that
    one wrong client does not shut out all that share its address.
    """

    def __init__(
        self, app: ASGIApp, limiter: Limiter, limit: RateLimitItem | None, failures: RateLimitItem | None
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._limit = limit
        self._failures = failures
        self._good: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, then pass it on or refuse it."""
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        token, address = _token(scope), _address(scope)
        if token and self._failures and token not in self._good:
            tries = await self._limiter.hit(self._failures, f"failures:{address}", cost=0)
            if tries and not tries.open:
                await _refuse(tries, "too many invalid tokens came from your address", scope, receive, send)
                return
        window = await self._limiter.hit(self._limit, self._key(token, address)) if self._limit else None
        if window and not window.open:
            await _refuse(window, f"you may send {window.item}", scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if window:
                    added = [(name.encode(), value.encode()) for name, value in window.headers().items()]
                    message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, noted)
        if token:
            await self._learn(token, address, status, scope)

    def _key(self, token: str, address: str) -> str:
        """Whose count it is. Tokens not known to be good share one, else each wrong one would bring its own."""
        if token in self._good:
            return f"token:{token}"
        return f"unknown:{address}" if token else f"anonymous:{address}"

    async def _learn(self, token: str, address: str, status: int, scope: Scope) -> None:
        if scope.get("state", {}).get("user"):
            self._good[token] = None
            self._good.move_to_end(token)
            if len(self._good) > MAX_KNOWN:
                self._good.popitem(last=False)
        elif status == 401:
            self._good.pop(token, None)
            if self._failures:
                await self._limiter.hit(self._failures, f"failures:{address}")


async def _refuse(window: Window, why: str, scope: Scope, receive: Receive, send: Send) -> None:
    headers = window.headers() | {"Retry-After": str(window.seconds)}
    message = f"Too many requests: {why}. Try again in {window.seconds} seconds."
    await failure(429, message, "rate-limited", headers=headers)(scope, receive, send)


def _token(scope: Scope) -> str:
    """What stands for the token here, so that no storage holds one; empty for an anonymous request."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return hashlib.sha256(value).hexdigest()
    return ""


def _address(scope: Scope) -> str:
    """Of IPv6 the network: whoever has one address of it has all."""
    client = scope.get("client")
    text = str(client[0]) if client else ""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return text or "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return text
