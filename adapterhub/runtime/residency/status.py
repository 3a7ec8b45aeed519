"""What an operator sees of an engine: values of one moment, each with its unit. Holds no tensors and no locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapterhub.runtime.residency.entry import Entry, Stage, Wearable
from registry import Version
from registry.swap import Swap


@dataclass(frozen=True)
class Residency:
    """One version that is in memory or on its way there.

    Attributes:
        stage: where it is; ``device`` is a slot, ``host`` is host memory alone.
        nbytes: of its tensors; 0 while it is being loaded.
        loads, loaded_in: how often it was read from disk, and the seconds that the last time took.
        hits, misses: requests that found it, and those that had to begin its load.
        evictions: how often it gave way to another version.
        in_flight: requests that count on it now.
        since: when it arrived in host memory; seconds since the epoch, 0 while it is being loaded.
        pinned: it gives way to none.
    """

    version: Wearable
    stage: Stage
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
    def of(cls, entry: Entry) -> Residency:
        """What is to be seen of `entry` now."""
        tally = entry.tally
        return cls(
            version=entry.version,
            stage=entry.stage,
            nbytes=entry.nbytes,
            loads=tally.loads,
            loaded_in=tally.loaded_in,
            hits=tally.hits,
            misses=tally.misses,
            evictions=tally.evictions,
            in_flight=entry.claims,
            since=tally.since,
            pinned=entry.pinned,
        )


@dataclass(frozen=True)
class Tier:
    """How full a tier is: versions and bytes in it, and what it may hold (None: no limit)."""

    versions: int
    nbytes: int
    most_versions: int | None
    most_bytes: int | None


@dataclass(frozen=True)
class Status:
    """An engine at one moment.

    Attributes:
        following: which version each followed reference stands for.
        swaps: the last swap of each reference that moved.
        resident: versions in memory or on their way there, the least recently asked for first.
        tiers: ``device`` and ``host``; what has a slot is in host memory too, and counts in both.
        waiting: rows that no step has taken yet.
        writing: prompts that are being continued.
    """

    following: Mapping[str, Version]
    swaps: Mapping[str, Swap]
    resident: Sequence[Residency]
    tiers: Mapping[str, Tier]
    waiting: int
    writing: int
