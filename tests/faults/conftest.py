"""Databases and object stores that tests may stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bucket import ObjectStore, object_store


@pytest.fixture(scope="session")
def s3() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The address of an empty database of the kind that a test is parametrised with; empty for SQLite."""
    return str(request.getfixturevalue("postgresql").create()) if request.param == "postgresql" else ""
