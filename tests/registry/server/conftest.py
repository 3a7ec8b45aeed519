"""A server's application, asked without sockets: on SQLite (`client`), or on both databases (`app`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from registry.index.accounts import ORGANISATION, USER
from registry.server.app import create_app
from registry.server.services import Services
from registry.server.settings import Settings
from tests.support.hub import DATABASES
from tests.support.hub_app import HubApp


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "hub", private_webhooks=True)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    settings.data.mkdir(parents=True, exist_ok=True)
    database = settings.open_database()
    database.migrate()
    database.close()
    with TestClient(create_app(settings), base_url="http://hub") as opened:
        yield opened


@pytest.fixture
def hub(client: TestClient) -> Services:
    services = client.app.state.services  # type: ignore[attr-defined]
    assert isinstance(services, Services)
    return services


@pytest.fixture
def ada(hub: Services) -> dict[str, str]:
    """The headers of a user who may write to her own namespace."""
    hub.accounts.create("ada", USER, "test")
    return {"Authorization": f"Bearer {hub.tokens.issue('ada', 'laptop', 'admin', 'test')}"}


@pytest.fixture
def bob(hub: Services) -> dict[str, str]:
    """The headers of somebody else."""
    hub.accounts.create("bob", USER, "test")
    return {"Authorization": f"Bearer {hub.tokens.issue('bob', 'laptop', 'admin', 'test')}"}


@pytest.fixture
def acme(hub: Services) -> str:
    """An organisation without members."""
    hub.accounts.create("acme", ORGANISATION, "test")
    return "acme"


@pytest.fixture(params=DATABASES)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubApp]:
    """With the public repository ``alice/m``."""
    database = request.getfixturevalue("postgresql").migrated() if request.param == "postgresql" else ""
    made = HubApp(tmp_path / "hub", database)
    made.create()
    yield made
    made.hub.close()
