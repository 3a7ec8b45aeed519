"""What the server's endpoints work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from registry.index import Aliases, Database, Log, Versions
from registry.index.access import Access
from registry.index.accounts import Accounts
from registry.index.history import History
from registry.index.members import Members
from registry.index.repositories import Repositories
from registry.index.tokens import Tokens
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
    members: Members
    tokens: Tokens
    access: Access
    repositories: Repositories
    history: History
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
            members=Members(database),
            tokens=Tokens(database),
            access=Access(database),
            repositories=Repositories(database),
            history=History(database),
            versions=Versions(database),
            aliases=Aliases(database),
            log=Log(database),
        )

    def close(self) -> None:
        """Let connections go."""
        self.database.close()
