"""Two who come at the same moment, on PostgreSQL, where writers do not come one at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.errors import RepositoryExists
from registry.index import Database, rows
from tests.support.hub import PostgreSQL
from tests.support.hub_app import HubApp


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_repository_is_made_once(app: HubApp) -> None:
    """The second finds the name free, waits for the first to be done, and must not begin its history again."""
    repositories, begun = app.hub.repositories, threading.Event()

    def second() -> None:
        begun.set()
        with pytest.raises(RepositoryExists):
            repositories.create("alice/new", "model", private=True, author="alice")

    with ThreadPoolExecutor() as pool:
        with app.hub.database.write() as session:
            assert rows.new_repository(session, "alice/new", rows.MODEL)
            waiting = pool.submit(second)
            begun.wait()
            with pytest.raises(TimeoutError):
                waiting.result(1)
        waiting.result(20)
    assert not repositories.find("alice/new").private


def test_two_processes_may_make_the_tables(postgresql: PostgreSQL) -> None:
    url = postgresql.create()
    databases = [Database.at(url) for _ in range(4)]
    together = threading.Barrier(len(databases))

    def migrate(database: Database) -> None:
        together.wait()
        database.migrate()
        database.check()
        database.close()

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(migrate, databases))
