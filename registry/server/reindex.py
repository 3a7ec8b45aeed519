"""Repairing a server's index from the outside: facts and names of all repositories, made again."""

from __future__ import annotations

from registry.cards import card_reader
from registry.index import facts
from registry.server.settings import Settings
from registry.store import open_store


def rebuild(settings: Settings) -> int:
    """Make again what repositories are found by, and return how many there are.

    Raises:
        RegistryUnavailable: the database cannot be used, or is not at this version's migration.
    """
    database = settings.open_database()
    database.check()
    store = open_store(settings.blobs or str(settings.data), settings.data)
    try:
        return facts.rebuild(database, card_reader(store.blobs))
    finally:
        database.close()
