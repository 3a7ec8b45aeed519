"""Which repositories, commits, refs and versions there are, and who changed what: facts in SQL, no bytes of files."""

from __future__ import annotations

from registry.index.database import Database
from registry.index.index import Content, Index, StoredVersion

__all__ = ["Content", "Database", "Index", "StoredVersion"]
