"""The access log: one JSON object a line, on stderr or in a file that may be moved away while it is written."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Mapping

import msgspec

STDERR = "-"


class AccessLog:
    """Writes lines to ``-`` (stderr), to a file by its path, or nowhere."""

    def __init__(self, target: str) -> None:
        self._handler: logging.Handler | None = None
        if target == STDERR:
            self._handler = logging.StreamHandler()
        elif target:
            self._handler = logging.handlers.WatchedFileHandler(target, encoding="utf-8")

    def write(self, entry: Mapping[str, object]) -> None:
        """Add a line; a disk that is full stops nothing."""
        if self._handler is not None:
            text = msgspec.json.encode(entry).decode()
            self._handler.handle(logging.makeLogRecord({"msg": "%s", "args": (text,)}))

    def close(self) -> None:
        """Let the file go."""
        if self._handler is not None:
            self._handler.close()
