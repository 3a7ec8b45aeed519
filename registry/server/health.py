"""What those ask who look after the server: whether it runs, whether it can work, and its figures. Needs no token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from registry.errors import RegistryError
from registry.server.wire.context import Hub

router = APIRouter()
logger = logging.getLogger("registry.server")


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers, even where all threads wait for the database."""
    return {"status": "ok"}


@router.get("/ready")
def ready(hub: Hub) -> Response:
    """Whether the database can be read and is at this version's migration, and the store can be written; 503 if not."""
    checks: Mapping[str, Callable[[], None]] = {"database": hub.database.check, "store": hub.store.check}
    parts = {name: "ok" if _passes(name, check) else "failed" for name, check in checks.items()}
    good = all(state == "ok" for state in parts.values())
    return JSONResponse({"status": "ready" if good else "not ready", "parts": parts}, 200 if good else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The figures of this process, for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _passes(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except (RegistryError, OSError) as error:
        logger.error("not ready: %s: %s", name, error)  # here, since the answer goes to whoever asks
        return False
    return True
