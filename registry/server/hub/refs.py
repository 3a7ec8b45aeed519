"""Branches, tags, and the list of them all."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.server.wire.context import Hub, Readable
from registry.server.wire.quoting import REPOSITORY

router = APIRouter()


@router.get(REPOSITORY + "/refs")
def refs(hub: Hub, repository: Readable, include_prs: bool = False) -> dict[str, Any]:
    """All names for commits; `aliases` is this server's own addition."""
    return {"branches": [], "tags": [], "converts": []}
