"""The threads of a follower: one polls every so often, another one works after each poll, however long that takes."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Beat:
    """Calls `poll` and `work` in threads of their own, from `start` until `stop`."""

    def __init__(self, interval: float, poll: Callable[[], object], work: Callable[[], object]) -> None:
        """Call nothing yet; later `poll` every `interval` seconds. Neither may raise."""
        self._interval, self._poll, self._work = interval, poll, work
        self._polled = threading.Event()
        self._nudged = threading.Event()  # `poll` should not wait for its interval
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def ending(self) -> bool:
        """Whether `stop` waits for what is being done, so that no more should be begun."""
        return self._stop.is_set() and bool(self._threads)

    def start(self) -> None:
        """Start the threads; twice is once."""
        if not self._threads:
            self._stop.clear()
            self._polled.clear()
            for name, run in (("registry-follower", self._run), ("registry-swapper", self._run_worker)):
                self._threads.append(threading.Thread(target=run, name=name, daemon=True))
                self._threads[-1].start()

    def nudge(self) -> None:
        """Let `poll` be called now instead of at its interval, and return at once; many before it is are one."""
        self._nudged.set()

    def stop(self) -> None:
        """End the threads, after what each of them does now."""
        self._stop.set()
        self._nudged.set()
        self._polled.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self) -> None:
        while True:
            self._nudged.wait(self._interval)
            self._nudged.clear()  # before the poll: what is nudged while it runs is for the next one
            if self._stop.is_set():
                return
            self._poll()
            self._polled.set()

    def _run_worker(self) -> None:
        while self._polled.wait() and not self._stop.is_set():
            self._polled.clear()
            self._work()
