"""What the server's endpoints work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from registry.cards import card_reader
from registry.index import Aliases, Database, Log, Versions
from registry.index.accounts import Accounts
from registry.index.history import History
from registry.index.repositories import Repositories
from registry.index.search import Search
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
    versions: Versions
    search: Search
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
        store = Store(settings.data / "blobs", scratch)
        read_card = card_reader(store)
        return cls(
            settings=settings,
            database=database,
            scratch=scratch,
            store=store,
            accounts=Accounts(database),
            repositories=Repositories(database),
            history=History(database, read_card),
            versions=Versions(database, read_card),
            search=Search(database),
            aliases=Aliases(database),
            log=Log(database),
        )

    def close(self) -> None:
        """Let connections go."""
        self.database.close()
