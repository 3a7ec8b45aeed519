"""Which repositories, commits, refs and versions there are, and who changed what: facts in SQL, no bytes of files."""

from __future__ import annotations

from registry.index.aliases import Aliases
from registry.index.database import Database
from registry.index.log import Log
from registry.index.versions import Content, StoredVersion, Versions

__all__ = ["Aliases", "Content", "Database", "Log", "StoredVersion", "Versions"]
