"""What an engine writes down of itself: for the next engine of its name to begin with, and for an operator to read.

One JSON file an engine, ``$ADAPTERHUB_HOME/engines/<name>.json``, replaced whole. It holds no tensors and no secrets:
followed references, what was resident, and the figures of `Status`, as of a moment that it states.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from adapterhub import settings
from adapterhub.errors import RequestError
from adapterhub.runtime.residency.status import Residency, Status, Tier

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)


class ResidentPart(Struct, frozen=True):
    """A version in memory; fields as in `Residency`."""

    version: str
    digest: str
    stage: str
    nbytes: int
    loads: int
    loaded_in: float
    hits: int
    misses: int
    evictions: int
    in_flight: int
    since: float
    pinned: bool

    @classmethod
    def of(cls, one: Residency) -> ResidentPart:
        """As it is written down."""
        figures = {
            name: getattr(one, name) for name in cls.__struct_fields__ if name not in ("version", "digest", "stage")
        }
        return cls(version=str(one.version), digest=one.version.digest, stage=str(one.stage), **figures)


class SwapPart(Struct, frozen=True):
    """The last swap of a reference; fields as in ``registry.swap``, the error as text."""

    old: str | None
    new: str
    stage: str
    since: float
    error: str | None


class Record(Struct, frozen=True):
    """An engine at one moment.

    Attributes:
        pid, started: of the process; its start in seconds since the epoch.
        at: when this was written, likewise.
        base, fingerprint: which backbone it serves.
        following: the version that each followed reference stands for.
        swaps, resident, tiers, waiting, writing: as in `Status`.
    """

    name: str
    pid: int
    started: float
    at: float
    base: str
    fingerprint: str
    following: dict[str, str]
    swaps: dict[str, SwapPart]
    resident: list[ResidentPart]
    tiers: dict[str, Tier]
    waiting: int
    writing: int

    @classmethod
    def of(cls, name: str, started: float, base: str, fingerprint: str, status: Status) -> Record:
        """What there is to be written down of an engine now."""
        return cls(
            name=name,
            pid=os.getpid(),
            started=started,
            at=time.time(),
            base=base,
            fingerprint=fingerprint,
            following={reference: str(version) for reference, version in status.following.items()},
            swaps={
                reference: SwapPart(
                    str(swap.old) if swap.old else None,
                    str(swap.new),
                    str(swap.stage),
                    swap.since.timestamp(),
                    str(swap.error) if swap.error else None,
                )
                for reference, swap in status.swaps.items()
            },
            resident=[ResidentPart.of(one) for one in status.resident],
            tiers=dict(status.tiers),
            waiting=status.waiting,
            writing=status.writing,
        )

    @property
    def alive(self) -> bool:
        """Whether its process still runs, as far as this machine can tell."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # somebody else's
        return True

    def restorable(self) -> list[str]:
        """The references whose versions were in memory, the least recently asked for first."""
        order = {one.version: place for place, one in enumerate(self.resident)}
        there = [(order[version], reference) for reference, version in self.following.items() if version in order]
        return [reference for _, reference in sorted(there)]


def folder() -> Path:
    """Where the engines of this home write."""
    return settings.home() / "engines"


def check_name(name: str) -> str:
    """Return `name` if an engine may be called so.

    Raises:
        RequestError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{name!r} is no name for an engine", "Use letters, digits, dots, dashes and underscores, 64 at most."
        )
    return name


def write(record: Record) -> None:
    """Replace the file of the record's name, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    folder().mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=folder(), prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.json.encode(record))
        os.replace(path, folder() / f"{record.name}.json")
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


def read(name: str) -> Record | None:
    """What the last engine of that name wrote; None where there is nothing, or nothing that can be read."""
    return _read(folder() / f"{check_name(name)}.json")


def records() -> Iterator[Record]:
    """What the engines of this home wrote, in the order of their names."""
    for file in sorted(folder().glob("*.json")):
        if (record := _read(file)) is not None:
            yield record


def _read(file: Path) -> Record | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None  # none yet, or of another version of this package: nothing to begin with
