"""Servers for the contract suite: each test runs against one on SQLite and one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import DATABASES, HubServer, running


@pytest.fixture(scope="session", params=DATABASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    database = request.getfixturevalue("postgresql").create() if request.param == "postgresql" else ""
    with running(tmp_path_factory.mktemp("hub") / request.param, database) as running_server:
        yield running_server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
