"""Counting downloads of repositories: in memory first, so that no download waits for a writer of the database.

Whoever downloads a repository asks for all its files, so one file stands for it, as on the Hub
(https://huggingface.co/docs/hub/models-download-stats). What was counted in the last seconds before a server is killed
is lost.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from registry.folder import CARD, CONFIG
from registry.index.repositories import Repositories, Repository
from registry.index.rows import DATASET, MODEL

SECONDS = 10.0  # between two times that counts are noted
COUNTED = {MODEL: {CONFIG, "config.json"}, DATASET: {CARD}}


class Downloads:
    """What was downloaded and is not noted yet. Safe to use from threads."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()

    def add(self, repository: Repository, path: str) -> None:
        """The file `path` of a repository was asked for from its beginning."""
        if path in COUNTED[repository.kind]:
            with self._lock:
                self._counts[repository.id] += 1

    def note(self) -> None:
        """Put the counts into the database.

        Raises:
            RegistryUnavailable: it cannot be written; they are kept until the next time.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
        waiting: Mapping[int, int] = counts
        try:
            waiting = self._repositories.add_downloads(counts) if counts else {}
        finally:
            with self._lock:
                self._counts.update(waiting)
