"""What is worth knowing, and stops nothing."""

from __future__ import annotations


class YankedWarning(UserWarning):
    """A yanked version was pinned: it still works, and should be replaced."""


class LeftOutWarning(UserWarning):
    """A publish left files out that no version may hold."""


class OfflineWarning(UserWarning):
    """A Hub could not be asked, and what it said before was used."""
