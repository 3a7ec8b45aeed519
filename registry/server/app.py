"""The server as an ASGI application: which endpoints there are, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from registry.server.adapters import search as adapter_search
from registry.server.hub import commit, info, preupload, refs, repositories, resolve, search, tree, whoami
from registry.server.services import Services
from registry.server.settings import Settings
from registry.server.wire import failures
from registry.server.wire.bodies import CappedBodies
from registry.server.wire.quoting import RawPath

HUB = (
    whoami,
    repositories,
    search,
    info,
    tree,
    refs,
    preupload,
    commit,
    resolve,
)  # resolve last: its paths begin with anything


ADAPTERS = (adapter_search,)  # this project's own, described by the OpenAPI document


def create_app(settings: Settings) -> FastAPI:
    """An application on its own services, which close with it.

    Raises:
        RegistryUnavailable: the database cannot be used, or is not at this version's migration.
    """
    services = Services.open(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        services.close()

    app = FastAPI(title="adapterhub", lifespan=lifespan)
    app.state.services = services
    for part in HUB:
        app.include_router(part.router, include_in_schema=False)
    for part in ADAPTERS:
        app.include_router(part.router)
    failures.install(app)
    app.add_middleware(CappedBodies)
    app.add_middleware(RawPath)
    return app
