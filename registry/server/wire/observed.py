"""What is noted of every request: its id, which every response carries, a line in the access log, and figures.

The outermost middleware, so it also answers for what nobody expected: with a 500 that tells the request's id and
nothing else. Notes neither tokens nor query strings, which may hold signatures.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.server.access_log import AccessLog
from registry.server.metrics import Metrics
from registry.server.wire.times import stamp

GONE = 499  # nginx's status for a client that left before it was answered
MAX_ID = 128  # characters
MAX_PATH = 1024  # characters
SIGNED = "/_"  # addresses that begin so may hold a signature in their path
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._:=;/+@-]")
_CONVERTOR = re.compile(r":\w+}")

logger = logging.getLogger("registry.server")


@dataclass
class Exchange:
    """A request and its response, as far as they have come."""

    id: str
    began: float = field(default_factory=time.perf_counter)
    status: int = GONE
    started: bool = False
    received: int = 0  # bytes
    sent: int = 0  # bytes


class Observed:
    """Middleware: give each request an id, and note how it went."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: AccessLog) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id(scope))
        scope.setdefault("state", {})["request_id"] = exchange.id

        async def counted() -> Message:
            message = await receive()
            exchange.received += len(message.get("body", b""))
            return message

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.started, exchange.status = True, message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", exchange.id.encode())]}
            exchange.sent += len(message.get("body", b""))
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, counted, noted)
        except ClientDisconnect:  # nobody is there to be answered
            pass
        except Exception:
            logger.exception("request %s: %s %s failed", exchange.id, scope["method"], route(scope))
            if exchange.started:  # the connection is cut, which is how the client learns that this is not all
                raise
            await internal(exchange.id)(scope, receive, noted)
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, exchange)

    def _note(self, scope: Scope, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        method, template = scope["method"], route(scope)
        self._metrics.note(method, template, exchange.status, seconds, exchange.received, exchange.sent)
        client = scope.get("client")
        self._log.write(
            {
                "time": stamp(datetime.now(UTC)),
                "request_id": exchange.id,
                "method": method,
                "path": template if scope["path"].startswith(SIGNED) else scope["path"][:MAX_PATH],
                "status": exchange.status,
                "bytes_in": exchange.received,
                "bytes": exchange.sent,
                "seconds": round(seconds, 6),
                "user": scope["state"].get("user"),
                "address": client[0] if client else None,
            }
        )


def request_id(scope: Scope) -> str:
    """The id that the client gave the request, as far as it is harmless, else a new one."""
    given: dict[bytes, bytes] = dict(reversed(scope["headers"]))
    for name in (b"x-request-id", b"x-amzn-trace-id"):
        if text := _NOT_IN_AN_ID.sub("", given.get(name, b"").decode("latin-1"))[:MAX_ID]:
            return text
    return str(uuid.uuid4())


def route(scope: Scope) -> str:
    """The template of the path, of which there are only so many."""
    template: Any = getattr(scope.get("route"), "path", None)
    return _CONVERTOR.sub("}", template) if isinstance(template, str) else "unmatched"


def internal(identity: str) -> JSONResponse:
    """The answer to a request at which the server failed."""
    message = f"The server failed. Tell its operator the request's id: {identity}"
    content = {"error": message, "code": "internal", "requestId": identity}
    return JSONResponse(content, 500, {"X-Error-Message": message})
