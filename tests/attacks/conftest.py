"""A server process on SQLite for those who mean it harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub import HubServer, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with running(tmp_path_factory.mktemp("hub") / "sqlite") as started:
        yield started
