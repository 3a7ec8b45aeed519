"""How a server is run, as one value; ``adapterhub hub serve`` makes it from its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry.index import Database


@dataclass(frozen=True)
class Settings:
    """Where a server keeps things, and how much it takes.

    Attributes:
        data: its folder: the SQLite database and the blobs unless they are elsewhere, and unfinished things always.
        database: ``postgresql+psycopg://…`` or ``sqlite:///…``; empty for a file in `data`.
        blobs: ``s3://bucket/prefix`` or another address that obstore knows; empty for a folder in `data`.
        max_file_bytes: the largest file.
        max_commit_bytes: the largest body of a commit, whose small files are in it.
        limit: requests of one caller, in the notation of `limits` (``600/minute``); empty for no limit.
        limit_failures: wrong tokens from one address.
        limit_storage: ``redis://host:6379`` where several processes count together; empty for each process's memory.
        access_log: a file, ``-`` for stderr, or empty for none.
        private_webhooks: whether webhooks may lead into private networks, the server's own machine among them.
    """

    data: Path
    database: str = ""
    blobs: str = ""
    max_file_bytes: int = 50 << 30
    max_commit_bytes: int = 256 << 20
    limit: str = ""
    limit_failures: str = "60/minute"
    limit_storage: str = ""
    access_log: str = ""
    private_webhooks: bool = False

    def open_database(self) -> Database:
        """The database, as it is."""
        return Database.at(self.database or f"sqlite:///{self.data.absolute() / 'index.sqlite'}")
