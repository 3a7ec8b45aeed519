"""The server as an ASGI application: which endpoints there are, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from registry.errors import RegistryError
from registry.server import health
from registry.server.access_log import AccessLog
from registry.server.adapters import (
    ABOUT,
    about,
    aliases,
    audit,
    changes,
    keys,
    references,
    versions,
    webhooks,
    withdrawals,
)
from registry.server.adapters import search as adapter_search
from registry.server.downloads import SECONDS as DOWNLOADS_SECONDS
from registry.server.hub import (
    absent,
    access,
    accounts,
    cards,
    commit,
    commits,
    discussions,
    home,
    info,
    known_tags,
    lfs,
    likes,
    preupload,
    refs,
    repositories,
    resolve,
    search,
    storage,
    tree,
    whoami,
    xet,
)
from registry.server.metrics import Metrics
from registry.server.repeated import Repeated
from registry.server.sender import SECONDS as SENDER_SECONDS
from registry.server.sender import Sender
from registry.server.services import Services
from registry.server.settings import Settings
from registry.server.wire import failures
from registry.server.wire.bodies import CappedBodies
from registry.server.wire.limits import Limiter, RateLimits, parse_limit
from registry.server.wire.observed import Observed
from registry.server.wire.quoting import RawPath

JANITOR_SECONDS = 3600.0  # what processes left unfinished when they died is cleared away at the start, and then
ADAPTERS = (about, adapter_search, references, versions, aliases, withdrawals, changes, keys, webhooks, audit)
HUB = (
    health,
    whoami,
    accounts,
    repositories,
    search,
    known_tags,
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
    access,
    resolve,
    home,
    absent,
)  # resolve, home and absent last, also behind ADAPTERS: their paths begin with anything


def _beside(services: Services) -> list[Repeated]:
    """What is done beside requests."""
    sender = Sender(services.webhooks, services.settings.private_webhooks)
    return [
        Repeated("sender", sender.send_due, SENDER_SECONDS),
        Repeated("downloads", services.downloads.note, DOWNLOADS_SECONDS),
        Repeated("janitor", services.scratch.clean, JANITOR_SECONDS),
    ]


def create_app(settings: Settings) -> FastAPI:
    """An application on its own services, which close with it.

    Raises:
        RegistryUnavailable: the database cannot be used, or is not at this version's migration, or a limit is none.
    """
    limiter, limit = Limiter(settings.limit_storage), parse_limit(settings.limit)
    failures_limit = parse_limit(settings.limit_failures)
    services, log = Services.open(settings), AccessLog(settings.access_log)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        beside = _beside(services)
        for one in beside:
            one.start()
        yield
        for one in beside:
            one.stop()
        with suppress(RegistryError):  # a database that is gone must not keep the server from ending
            services.downloads.note()
        services.close()
        log.close()

    app = FastAPI(title="adapterhub", description=ABOUT, lifespan=lifespan)
    app.state.services = services
    app.state.metrics = metrics = Metrics(services.database)
    for documented in ADAPTERS:  # first: the Hub's paths that begin with anything are those of these, too
        app.include_router(documented.router)
    for part in HUB:
        app.include_router(part.router, include_in_schema=False)
    failures.install(app)
    app.add_middleware(CappedBodies)  # the last that is added is the first that a request comes to
    app.add_middleware(RateLimits, limiter=limiter, limit=limit, failures=failures_limit)
    app.add_middleware(Observed, metrics=metrics, log=log)
    app.add_middleware(RawPath)  # cannot fail; the others see the path that is routed on
    return app
