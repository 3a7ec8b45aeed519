"""Making, moving, hiding repositories, and who may see them."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from registry.errors import RepositoryExists, RepositoryNotFound
from registry.selector import check_repository
from registry.server import files
from registry.server.hub import attributes
from registry.server.principal import ADMIN, WRITE
from registry.server.wire.context import Caller, Endpoint, Hub, Writable, visible
from registry.server.wire.failures import failure
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.quoting import address as address

router = APIRouter()
Kind = Literal["model", "dataset"]


class Named(BaseModel):
    """A repository in the body of a request; without an organisation it is the caller's own."""

    model_config = ConfigDict(extra="ignore")
    name: str
    organization: str | None = None
    type: Kind | None = "model"

    def id(self, caller: Caller) -> str:
        """``owner/name``."""
        owner, _, name = self.name.rpartition("/")
        return f"{owner or self.organization or caller.name}/{name}"

    @property
    def kind(self) -> str:
        """Model, unless said otherwise."""
        return self.type or "model"


class NewRepository(Named):
    """Older clients say `private`, newer ones `visibility`."""

    visibility: Literal["public", "private"] | None = None
    private: bool | None = None


class Move(BaseModel):
    """From one id to another."""

    fromRepo: str
    toRepo: str
    type: Kind | None = "model"


class Settings(BaseModel):
    """What is None stays as it is."""

    visibility: Literal["public", "private"] | None = None
    private: bool | None = None
    gated: Literal["auto", "manual", False] | None = None


@router.post("/api/repos/create")
def create(body: NewRepository, hub: Hub, caller: Caller, endpoint: Endpoint) -> Response:
    """Make a repository; one that is there answers 409 with its address, which ``exist_ok`` reads."""
    name, kind = check_repository(body.id(caller)), body.kind
    require_namespace(hub, caller, name)
    private = body.visibility == "private" if body.visibility else bool(body.private)
    try:
        first = files.store_bytes(hub, attributes.DEFAULT, attributes.NAME)
        made = hub.repositories.create(name, kind, private=private, author=caller.name, first=first)
        if hub.store.size(first.sha256) is None:  # garbage, until the repository named it
            files.store_bytes(hub, attributes.DEFAULT, attributes.NAME)
    except RepositoryExists as error:
        known = address(endpoint, kind, _name_of(hub, name, kind))
        return failure(409, f"You already created this {kind} repo: {error.message}", error.code, url=known)
    return JSONResponse({"url": address(endpoint, kind, made.name), "name": made.name, "id": str(made.id)})


@router.delete("/api/repos/delete")
def delete(body: Named, hub: Hub, caller: Caller) -> dict[str, Any]:
    """Hide a repository; its versions stay for whoever pins them by digest."""
    repository = visible(hub, caller, body.id(caller), body.kind)
    caller.check(ADMIN, repository)
    hub.repositories.delete(repository, caller.name)
    return {}


@router.post("/api/repos/move")
def move(body: Move, hub: Hub, caller: Caller, endpoint: Endpoint) -> dict[str, str]:
    """Give a repository another name; the old one goes on working."""
    kind = body.type or "model"
    repository = visible(hub, caller, body.fromRepo, kind)
    target = check_repository(body.toRepo)
    caller.check(ADMIN, repository)
    require_namespace(hub, caller, target)
    moved = hub.repositories.move(repository, target, caller.name)
    return {"url": address(endpoint, kind, moved.name)}


@router.put(REPOSITORY + "/settings")
def settings(body: Settings, repository: Writable, hub: Hub, caller: Caller) -> dict[str, Any]:
    """Change visibility, and whom its owners let in."""
    caller.check(ADMIN, repository)
    private = body.visibility == "private" if body.visibility else body.private
    gated = None if body.gated is None else body.gated or ""
    hub.repositories.settings(repository, caller.name, private=private, gated=gated)
    now = hub.repositories.find(repository.name, repository.kind)
    return {"visibility": "private" if now.private else "public", "private": now.private, "gated": now.gated or False}


def require_namespace(hub: Hub, caller: Caller, name: str) -> None:
    """Refuse who may not put a repository of that name there.

    Whoever comes to have a namespace must not find there what others put: it must be somebody's already.

    Raises:
        NotAuthenticated, NotPermitted: they may not write there.
        AccountNotFound: it is nobody's.
    """
    namespace = name.partition("/")[0]
    caller.require(WRITE, namespace)
    hub.accounts.find(namespace)


def _name_of(hub: Hub, name: str, kind: str) -> str:
    try:
        return hub.repositories.find(name, kind).name
    except RepositoryNotFound:  # the name belongs to one that was deleted
        return name
