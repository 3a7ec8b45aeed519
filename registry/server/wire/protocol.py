"""uvicorn's HTTP protocol with what it lacks: caps on how long a request's head may be, and on how long it may take.

Without them, one socket that never ends its headers fills the memory, and many slow ones fill the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10  # as h11 and nginx allow; one read of the socket may go beyond
MAX_HEAD_SECONDS = 30.0


class GuardedHttp(HttpToolsProtocol):
    """For ``uvicorn.run(http=…)``."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head: int | None = None  # bytes of the head that is coming in; None where none is
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to the head."""
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > MAX_HEAD_BYTES:
            self._end(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """The first bytes of another request came."""
        super().on_message_begin()
        if self._head is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head = None
        self._stop_timer()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head = 0
        self._stop_timer()
        self._timer = self.loop.call_later(MAX_HEAD_SECONDS, self._end, b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: bytes) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()
