"""What the server's endpoints work with, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from registry.cards import card_reader
from registry.index import Aliases, Database, Log, Versions, meta
from registry.index.access import Access
from registry.index.accounts import Accounts
from registry.index.discussions import Discussions
from registry.index.following import Following
from registry.index.history import History
from registry.index.keys import Keys
from registry.index.likes import Likes
from registry.index.members import Members
from registry.index.pulls import Pulls
from registry.index.refs import Refs
from registry.index.releases import Releases
from registry.index.repositories import Repositories
from registry.index.search import Search
from registry.index.storage import Storage
from registry.index.takedowns import Takedowns
from registry.index.tokens import Tokens
from registry.index.webhooks import Webhooks
from registry.server.downloads import Downloads
from registry.server.settings import Settings
from registry.server.tickets import Tickets
from registry.store import BlobStore, Scratch, Staging, open_store


@dataclass(frozen=True)
class Services:
    """The rooms of the index and the store. Safe to use from threads."""

    settings: Settings
    database: Database
    scratch: Scratch
    store: BlobStore
    staging: Staging
    tickets: Tickets
    accounts: Accounts
    members: Members
    tokens: Tokens
    access: Access
    repositories: Repositories
    history: History
    refs: Refs
    discussions: Discussions
    pulls: Pulls
    likes: Likes
    storage: Storage
    versions: Versions
    search: Search
    releases: Releases
    aliases: Aliases
    takedowns: Takedowns
    following: Following
    log: Log
    webhooks: Webhooks
    keys: Keys
    downloads: Downloads

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Open database and store.

        Raises:
            RegistryUnavailable: the database cannot be used, or is not at this version's migration.
        """
        settings.data.mkdir(parents=True, exist_ok=True)
        database = settings.open_database()
        database.check()
        store = open_store(settings.blobs or str(settings.data), settings.data)
        read_card, repositories = card_reader(store.blobs), Repositories(database)
        return cls(
            settings=settings,
            database=database,
            scratch=store.scratch,
            store=store.blobs,
            staging=store.staging,
            tickets=Tickets(meta.fact(database, meta.SECRET)),
            accounts=Accounts(database),
            members=Members(database),
            tokens=Tokens(database),
            access=Access(database),
            repositories=repositories,
            history=History(database, read_card),
            refs=Refs(database),
            discussions=Discussions(database),
            pulls=Pulls(database, read_card),
            likes=Likes(database),
            storage=Storage(database),
            versions=Versions(database, read_card),
            releases=Releases(database),
            search=Search(database),
            aliases=Aliases(database),
            takedowns=Takedowns(database),
            following=Following(database),
            log=Log(database),
            webhooks=Webhooks(database),
            keys=Keys(database),
            downloads=Downloads(repositories),
        )

    def cas_instance(self) -> str:
        """Part of the address of Xet's uploads; another one once bytes that clients may count on were removed."""
        return meta.fact(self.database, meta.CAS_INSTANCE)

    def close(self) -> None:
        """Let connections go."""
        self.database.close()
