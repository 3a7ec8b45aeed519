"""That this is a server of this project: how clients tell it from other Hubs, with one request and no token."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter
from pydantic import BaseModel, Field

from registry import DISTRIBUTION
from registry.server.adapters.context import refusals

router = APIRouter(tags=["about"])
API = 1


class AboutDocument(BaseModel):
    """What answers."""

    version: str = Field(description="Of the server's package.", examples=["0.1.0"])
    api: int = Field(description="Of these endpoints; a client refuses one that it does not know.")


@router.get("/api/adapterhub", responses=refusals(), summary="Whether this Hub has these endpoints")
def about() -> AboutDocument:
    """Other Hubs answer 404."""
    return AboutDocument(version=metadata.version(DISTRIBUTION), api=API)
