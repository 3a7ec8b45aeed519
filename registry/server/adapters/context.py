"""What these endpoints share: their path, the repository that it names, and how the document describes failures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from registry.index.repositories import Repository
from registry.server.principal import WRITE
from registry.server.wire.context import Caller, Hub, visible

Namespace = Annotated[str, Path(description="The user or organisation that it belongs to.", examples=["acme"])]
Name = Annotated[str, Path(description="The repository's name in it.", examples=["intent"])]
REFUSALS = {
    400: "Something in the request is not well formed.",
    401: "A token is needed, or the one that was sent is not valid.",
    403: "The caller may not do that, or the version was revoked.",
    404: "There is no such namespace, repository, version, alias, key or webhook, or none that the caller may see.",
    409: "The name is taken by a branch or tag.",
    412: "The alias is not where it was expected; nothing was changed.",
    413: "The body is too large.",
    422: "The request is not of this form.",
    429: "The caller sent too many requests; `Retry-After` says when to try again.",
    451: "The version was taken down.",
    503: "The server cannot do that now.",
}
EVERYWHERE = (400, 401, 413, 422, 429, 503)  # what any endpoint can answer, whatever it is for

_token = HTTPBearer(auto_error=False, description="A token of this server, as `hf auth login` keeps it.")


class Failure(BaseModel):
    """Why nothing was done."""

    error: str = Field(description="What happened, and what to do.")
    code: str = Field(description="Which failure it is; stable.", examples=["repository-not-found"])


def router(tag: str) -> APIRouter:
    """A router whose endpoints are under `tag` in the document."""
    return APIRouter(tags=[tag], dependencies=[Security(_token)])


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The failures of an endpoint, as the document lists them."""
    return {status: {"model": Failure, "description": REFUSALS[status]} for status in sorted({*statuses, *EVERYWHERE})}


def model(namespace: Namespace, name: Name, hub: Hub, caller: Caller) -> Repository:
    """The model repository that the path names, if the caller may see it.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    return visible(hub, caller, f"{namespace}/{name}")


Model = Annotated[Repository, Depends(model)]


def own_model(repository: Model, caller: Caller) -> Repository:
    """The same, if the caller may write to it.

    Raises:
        RepositoryNotFound, NotAuthenticated, NotPermitted: they may not.
    """
    caller.check(WRITE, repository)
    return repository


OwnModel = Annotated[Repository, Depends(own_model)]
