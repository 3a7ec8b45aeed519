"""Servers for those who mean them harm: a process with a socket, and an application without one.

It is on SQLite; modules whose requests reach into the database, or race for it, ask for PostgreSQL as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.world import World
from tests.support.hub import HubServer, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with running(tmp_path_factory.mktemp("hub") / "sqlite") as started:
        yield started


@pytest.fixture(scope="module", params=["sqlite"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    database = request.getfixturevalue("postgresql").create() if request.param == "postgresql" else ""
    made = World(Path(tmp_path_factory.mktemp("world")) / "hub", database)
    yield made
    made.hub.close()
