"""The server as an ASGI application: which endpoints there are, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from registry.server.adapters import webhooks
from registry.server.hub import commit, info, lfs, preupload, refs, repositories, resolve, tree, whoami, xet
from registry.server.janitor import Janitor
from registry.server.sender import Sender
from registry.server.services import Services
from registry.server.settings import Settings
from registry.server.wire import failures
from registry.server.wire.bodies import CappedBodies
from registry.server.wire.quoting import RawPath

ADAPTERS = (webhooks,)
HUB = (
    whoami,
    repositories,
    info,
    tree,
    refs,
    preupload,
    lfs,
    xet,
    commit,
    resolve,
)  # resolve last: its paths begin with anything


def create_app(settings: Settings) -> FastAPI:
    """An application on its own services, which close with it.

    Raises:
        RegistryUnavailable: the database cannot be used, or is not at this version's migration.
    """
    services = Services.open(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sender = Sender(services.webhooks, settings.private_webhooks)
        janitor = Janitor(services.scratch)
        sender.start()
        janitor.start()
        yield
        janitor.stop()
        sender.stop()
        services.close()

    app = FastAPI(title="adapterhub", lifespan=lifespan)
    app.state.services = services
    for part in HUB:
        app.include_router(part.router, include_in_schema=False)
    for documented in ADAPTERS:
        app.include_router(documented.router)
    failures.install(app)
    app.add_middleware(CappedBodies)
    app.add_middleware(RawPath)
    return app
