"""A server without a socket: its ASGI application on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from registry.server.app import create_app
from registry.server.services import Services
from registry.server.settings import Settings
from tests.registry.server.people import People

Make = Callable[..., FastAPI]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes an application; its settings are those given."""
    made: list[FastAPI] = []

    def application(**settings: Any) -> FastAPI:
        where = replace(Settings(tmp_path / "hub"), **settings)
        where.data.mkdir(exist_ok=True)
        where.open_database().migrate()
        made.append(create_app(where))
        return made[-1]

    yield application
    for app in made:
        app.state.services.close()


@pytest.fixture
def app(make: Make) -> FastAPI:
    return make()


@pytest.fixture
def hub(app: FastAPI) -> Services:
    services: Services = app.state.services
    return services


@pytest.fixture
def people(app: FastAPI) -> People:
    return People(app)
