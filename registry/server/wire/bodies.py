"""Reading bodies without trusting them: every one has a cap, and none is decompressed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.errors import TooLarge
from registry.server.wire.failures import failure

JSON_BYTES = 4 << 20  # 256 files with 512 bytes of sample each are 200 kB
MAX_SILENCE = 60.0  # seconds in which a client sends nothing of a body
MAX_DIGITS = 20  # of a Content-Length; longer ones are too large in any case
STREAMED = ("/commit/", "/_lfs/", "/_cas/")  # endpoints that read their bodies with `spool`, each with a cap of its own


class CappedBodies:
    """Middleware: a body that is read whole is at most `JSON_BYTES` long, and none is compressed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name.startswith(b"content-")}
        if headers.get(b"content-encoding", b"identity") != b"identity":
            await failure(415, "Compressed bodies are not accepted", "compressed")(scope, receive, send)
        elif not (length := headers.get(b"content-length", b"0")).isdigit():
            await failure(400, "Content-Length is no number", "malformed")(scope, receive, send)
        elif any(part in scope["path"] for part in STREAMED):
            await self._app(scope, receive, send)
        elif int(length[:MAX_DIGITS]) > JSON_BYTES:
            await failure(413, f"The body is larger than {JSON_BYTES:,} bytes", "too-large")(scope, receive, send)
        else:
            await self._app(scope, _counting(receive), send)


def _counting(receive: Receive) -> Receive:
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > JSON_BYTES:
            raise TooLarge(f"the body is larger than {JSON_BYTES:,} bytes", "Send less at once.")
        return message

    return counted


async def spool(request: Request, target: Path, max_bytes: int) -> int:
    """Write a request's body to a file as it comes in, and return its length.

    Raises:
        TooLarge: it is longer than `max_bytes`.
        ClientDisconnect: it ended before its end.
        TimeoutError: nothing came for `MAX_SILENCE`.
    """
    total = 0
    with target.open("wb") as file:
        stream = aiter(request.stream())
        while True:
            try:
                chunk = await asyncio.wait_for(anext(stream), MAX_SILENCE)
            except StopAsyncIteration:
                return total
            total += len(chunk)
            if total > max_bytes:
                raise TooLarge(f"the body is larger than {max_bytes:,} bytes", "Send less at once.")
            file.write(chunk)
