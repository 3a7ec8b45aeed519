"""uvicorn's HTTP protocol with an end to what comes before a body: line and headers of a request.

httptools reads headers without end, into memory; other servers stop at 8 to 64 KiB.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 << 10  # bytes; one read of the socket may come on top


class CappedHeads(HttpToolsProtocol):
    """Closes a connection on which a head grows too long, after a 400."""

    _length = 0
    _inside = False

    def data_received(self, data: bytes) -> None:
        """Parse what came in, if that is not the rest of a head which is too long already."""
        super().data_received(data)
        self._length = self._length + len(data) if self._inside else 0
        if self._length > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The headers are larger than {MAX_HEAD} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._inside = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It ends."""
        self._inside = False
        super().on_headers_complete()
