"""The server as an ASGI application: which endpoints there are, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from registry.server.adapters import ABOUT, aliases, audit, changes, keys, references, versions, webhooks, withdrawals
from registry.server.hub import (
    cards,
    commit,
    commits,
    discussions,
    home,
    info,
    lfs,
    likes,
    preupload,
    refs,
    repositories,
    resolve,
    storage,
    tree,
    whoami,
    xet,
)
from registry.server.sender import Sender
from registry.server.services import Services
from registry.server.settings import Settings
from registry.server.wire import failures
from registry.server.wire.bodies import CappedBodies
from registry.server.wire.quoting import RawPath

ADAPTERS = (references, versions, aliases, withdrawals, changes, keys, webhooks, audit)
HUB = (
    whoami,
    repositories,
    info,
    tree,
    refs,
    commits,
    preupload,
    lfs,
    xet,
    commit,
    discussions,
    likes,
    storage,
    cards,
    resolve,
    home,
)  # resolve and home last: their paths begin with anything


def create_app(settings: Settings) -> FastAPI:
    """An application on its own services, which close with it.

    Raises:
        RegistryUnavailable: the database cannot be used, or is not at this version's migration.
    """
    services = Services.open(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sender = Sender(services.webhooks, settings.private_webhooks)
        sender.start()
        yield
        sender.stop()
        services.close()

    app = FastAPI(title="adapterhub", description=ABOUT, lifespan=lifespan)
    app.state.services = services
    for documented in ADAPTERS:  # first: the Hub's paths that begin with anything are those of these, too
        app.include_router(documented.router)
    for part in HUB:
        app.include_router(part.router, include_in_schema=False)
    failures.install(app)
    app.add_middleware(CappedBodies)
    app.add_middleware(RawPath)
    return app
