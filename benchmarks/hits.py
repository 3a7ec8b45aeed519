"""In which tier each request of an engine found its adapter. The engine itself counts by version, and not slots."""

from __future__ import annotations

from collections import Counter

from adapterhub import Engine
from adapterhub.runtime.residency.entry import Entry, Stage
from registry import Version

TIERS = {Stage.DEVICE: "device", Stage.HOST: "host"}  # all other stages: it is being loaded


class Hits:
    """Counts the claims of one engine from now on, by looking over its pool's shoulder."""

    def __init__(self, engine: Engine) -> None:
        self._counts: Counter[str] = Counter()
        claim = engine.pool.claim

        def counted(version: Version) -> Entry:
            entry = claim(version)
            self._counts[TIERS.get(entry.stage, "disk")] += 1
            return entry

        engine.pool.claim = counted  # type: ignore[method-assign]

    def reset(self) -> None:
        """Forget what was counted."""
        self._counts.clear()

    def rates(self) -> dict[str, float]:
        """The share of requests that found their adapter in a slot, in host memory alone, or not in memory yet."""
        total = self._counts.total()
        return {tier: round(self._counts[tier] / total, 4) for tier in ("device", "host", "disk")} if total else {}
