"""The Hub server on both databases, inside the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import DATABASES, PostgreSQL
from tests.support.hub_app import HubApp


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    cluster = PostgreSQL()
    yield cluster
    cluster.remove()


@pytest.fixture(params=DATABASES)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubApp]:
    """With the public repository ``alice/m``."""
    database = request.getfixturevalue("postgresql").create() if request.param == "postgresql" else ""
    made = HubApp(tmp_path / "hub", database)
    made.create()
    yield made
    made.hub.close()
