"""A server's rooms on either database, with a repository in them; nothing listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.server.services import Services
from registry.server.settings import Settings
from tests.support.hub import DATABASES


@pytest.fixture(params=DATABASES)
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    database = request.getfixturevalue("postgresql").migrated() if request.param == "postgresql" else ""
    settings = Settings(tmp_path / "hub", database)
    settings.data.mkdir()
    index = settings.open_database()
    index.migrate()
    index.close()
    services = Services.open(settings)
    yield services
    services.close()
