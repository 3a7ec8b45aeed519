"""The thread that writes an engine's record every so often, and first brings back what the last record had."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from adapterhub.backbone import Backbone
from adapterhub.runtime.residency import record as records
from adapterhub.runtime.residency.record import Record
from adapterhub.runtime.residency.status import Status
from registry import Version

SECONDS = 1.0  # between two records at least
SHARE = 0.02  # of the time at most: thousands of versions take long to write down


class Recorded(Protocol):
    """What is recorded: an engine, as far as this module knows it."""

    backbone: Backbone

    def follow(self, reference: str) -> Version:
        """Resolve a reference, and bring its version into memory."""

    def status(self) -> Status:
        """What there is to be seen of it now."""


class Recorder:
    """Keeps the record of one engine; a new one begins with what its predecessor had in memory.

    Attributes:
        failures: references that could not be brought back, and why.
    """

    def __init__(self, name: str, engine: Recorded) -> None:
        """Read what the last engine of that `name` wrote, and start."""
        self.failures: dict[str, Exception] = {}
        self._name = name
        self._engine = engine
        self._started = time.time()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(records.read(name),), name="engine-recorder", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Write the last record."""
        self._stop.set()
        self._thread.join()

    def _run(self, last: Record | None) -> None:
        for reference in last.restorable() if last else []:
            if self._stop.is_set():
                return  # the last record has more than is here now
            try:
                self._engine.follow(reference)
            except Exception as error:  # revoked since, say, or too large now; the others come back
                self.failures[reference] = error
        while not self._stop.is_set():
            began = time.perf_counter()
            self._write()
            self._stop.wait(max(SECONDS, (time.perf_counter() - began) / SHARE))
        self._write()

    def _write(self) -> None:
        identity = self._engine.backbone.identity
        record = Record.of(self._name, self._started, identity.id, identity.fingerprint, self._engine.status())
        try:
            records.write(record)
        except OSError as error:  # a full disk stops no engine; the operator sees that the record is old
            self.failures["(the record)"] = error
