"""Work that a server does beside requests: again and again, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from registry.errors import RegistryError

logger = logging.getLogger("registry.server")


class Repeated:
    """Calls `work` until `stop`: at once again where it says that there was some, else after a pause."""

    def __init__(self, name: str, work: Callable[[], object], seconds: float) -> None:
        """Take it on; `start` begins.

        Args:
            work: may fail with a `RegistryError` or `OSError`, as when the database is gone for a while; then it is
                called again after the pause, so what it left must stay to be done.
            seconds: the pause.
        """
        self._work, self._seconds = work, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"registry-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                more = self._work()
            except (RegistryError, OSError) as error:
                logger.error("%s waits: %s", self._thread.name, getattr(error, "message", error))
                more = None
            if not more:
                self._stop.wait(self._seconds)
