"""Clears away what processes left unfinished when they died: at the start, and now and then."""

from __future__ import annotations

import logging
import threading

from registry.store import Scratch

SECONDS = 3600.0  # between two times

logger = logging.getLogger("registry.server")


class Janitor:
    """Cleans the scratch folder until `stop`."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-janitor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._scratch.clean()
            except OSError as error:
                logger.error("%s cannot be cleaned: %s", self._scratch, error)
            if self._stop.wait(SECONDS):
                return
