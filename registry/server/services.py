"""What the server's endpoints work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from registry.index import Aliases, Database, Log, Versions
from registry.index.accounts import Accounts
from registry.index.discussions import Discussions
from registry.index.history import History
from registry.index.likes import Likes
from registry.index.pulls import Pulls
from registry.index.repositories import Repositories
from registry.index.storage import Storage
from registry.server.settings import Settings
from registry.store import Scratch, Store


@dataclass(frozen=True)
class Services:
    """The rooms of the index and the store. Safe to use from threads."""

    settings: Settings
    database: Database
    scratch: Scratch
    store: Store
    accounts: Accounts
    repositories: Repositories
    history: History
    discussions: Discussions
    pulls: Pulls
    likes: Likes
    storage: Storage
    versions: Versions
    aliases: Aliases
    log: Log

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Open database and store.

        Raises:
            RegistryUnavailable: the database cannot be used, or is not at this version's migration.
        """
        settings.data.mkdir(parents=True, exist_ok=True)
        database = settings.open_database()
        database.check()
        scratch = Scratch(settings.data / "tmp")
        return cls(
            settings=settings,
            database=database,
            scratch=scratch,
            store=Store(settings.data / "blobs", scratch),
            accounts=Accounts(database),
            repositories=Repositories(database),
            history=History(database),
            discussions=Discussions(database),
            pulls=Pulls(database),
            likes=Likes(database),
            storage=Storage(database),
            versions=Versions(database),
            aliases=Aliases(database),
            log=Log(database),
        )

    def close(self) -> None:
        """Let connections go."""
        self.database.close()
