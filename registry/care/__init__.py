"""Looking after a server's data: garbage collection, backup and restore, and a check of it all.

Works on the database and the store themselves, with servers running or not. Knows no HTTP and no server.
"""

from __future__ import annotations

from registry.care.backup import backup
from registry.care.check import check
from registry.care.collect import Collected, Graces, collect
from registry.care.restore import restore

__all__ = ["Collected", "Graces", "backup", "check", "collect", "restore"]
