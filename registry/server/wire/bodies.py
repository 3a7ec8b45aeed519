"""Reading bodies without trusting them: every one has a cap, and none is decompressed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.errors import TooLarge
from registry.server.wire.failures import failure

JSON_BYTES = 4 << 20  # 256 files with 512 bytes of sample each are 200 kB
MAX_SECONDS = 60.0  # in which a body that is read whole must be here
MAX_SILENCE = 60.0  # seconds in which a client sends nothing of a body
MAX_DIGITS = 20  # of a Content-Length; longer ones are too large in any case
# Endpoints that read their bodies with `spool`, each with a cap of its own. Whole paths: a name can be "commit" too.
STREAMED = re.compile(
    r"POST /api/(models|datasets)/[^/]+/[^/]+/commit/[^/]+"
    r"|PUT /_lfs/[^/]+(/[^/]+)?"
    r"|POST /_cas/[^/]+/[^/]+/v1/(xorbs/default/[^/]+|shards)"
)


class CappedBodies:
    """Middleware: a body that is read whole is at most `JSON_BYTES` long and comes in time, and none is compressed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body where that is not read as it comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name.startswith(b"content-")}
        if headers.get(b"content-encoding", b"identity") != b"identity":
            await failure(415, "Compressed bodies are not accepted", "compressed")(scope, receive, send)
        elif not (length := headers.get(b"content-length", b"0")).isdigit():
            await failure(400, "Content-Length is no number", "malformed")(scope, receive, send)
        elif STREAMED.fullmatch(f"{scope['method']} {scope['path']}"):
            await self._app(scope, receive, send)
        elif int(length[:MAX_DIGITS]) > JSON_BYTES:
            await failure(413, f"The body is larger than {JSON_BYTES:,} bytes", "too-large")(scope, receive, send)
        else:
            try:
                body = await _whole(receive)
            except TooLarge as error:  # here, since whoever parses bodies takes any failure for one of its own
                await failure(413, str(error).replace("\n", " "), error.code)(scope, receive, send)
            except TimeoutError:
                await failure(408, "The request's body came too slowly", "slow")(scope, receive, send)
            else:
                if b"json" in headers.get(b"content-type", b"") and not _is_text(body):
                    await failure(422, "The body is no JSON that can be read", "malformed")(scope, receive, send)
                    return
                await self._app(scope, _again(body, receive), send)


async def _whole(receive: Receive) -> bytes:
    """All of a body.

    Raises:
        TooLarge: it is longer than `JSON_BYTES`.
        TimeoutError: it took longer than `MAX_SECONDS`.
        ClientDisconnect: it ended before its end.
    """
    body = bytearray()
    async with asyncio.timeout(MAX_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > JSON_BYTES:
                raise TooLarge(f"the body is larger than {JSON_BYTES:,} bytes", "Send less at once.")
            if not message.get("more_body", False):
                return bytes(body)


def _is_text(body: bytes) -> bool:
    """Whether the strings of a JSON document can be kept and sent: half of a surrogate pair, escaped alone, cannot."""
    if b"\\ud" not in body.lower():
        return True
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _again(body: bytes, receive: Receive) -> Receive:
    """What is received once the body is known: the body, then what comes after it."""
    messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def received() -> Message:
        return next(messages, None) or await receive()

    return received


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
