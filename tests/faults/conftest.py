"""A real PostgreSQL, for what several processes do to it at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub import PostgreSQL


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    cluster = PostgreSQL()
    yield cluster
    cluster.remove()
