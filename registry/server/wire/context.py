"""What an endpoint asks for by naming it in its signature: the services, who is asking, and the repository."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Request

from registry.errors import NotAuthenticated, RepositoryNotFound
from registry.index.repositories import Repository
from registry.server.principal import READ, WRITE, Principal
from registry.server.services import Services

_COMMIT = re.compile(r"[0-9a-f]{40}")


def services(request: Request) -> Services:
    """The process's services."""
    return cast(Services, request.app.state.services)


Hub = Annotated[Services, Depends(services)]


def principal(request: Request, hub: Hub) -> Principal:
    """Whoever holds the token of the ``Authorization`` header; anonymous without one.

    Raises:
        NotAuthenticated: the token is not valid, or the header is none that is understood.
    """
    header = request.headers.get("authorization")
    if header is None:
        return Principal()
    scheme, _, token = header.partition(" ")
    holder = hub.accounts.holder(token.strip()) if scheme.lower() == "bearer" else None
    if holder is None:
        raise NotAuthenticated("Invalid credentials in Authorization header")
    request.state.user = holder.user
    return Principal.of(holder)


Caller = Annotated[Principal, Depends(principal)]


def readable(request: Request, hub: Hub, caller: Caller) -> Repository:
    """The repository that the path names, if the caller may see it.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    path = request.path_params
    if "namespace" not in path:  # an id without one: none is kept here
        raise RepositoryNotFound(f"there is no repository {path['name']}", "Write its id as owner/name.")
    name = f"{path['namespace']}/{path['name']}"
    found = hub.repositories.find(name, path.get("kind", "model"))
    caller.check(READ, found, name)
    return found


Readable = Annotated[Repository, Depends(readable)]


def hidden(hub: Services, caller: Principal, name: str) -> Repository:
    """A deleted model repository that has versions, for who could read it while it was there and pinned one of them.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    found = hub.releases.hidden(name)
    caller.check(READ, found, name)
    return found


def pinned(request: Request, hub: Hub, caller: Caller) -> Repository:
    """As `readable`; also a deleted repository, where the path's revision is the commit of a version of it.

    Raises:
        RepositoryNotFound: there is none, or none for the caller.
    """
    path = request.path_params
    try:
        return readable(request, hub, caller)
    except RepositoryNotFound:
        revision = path.get("revision", "")
        if path.get("kind", "model") != "model" or "namespace" not in path or not _COMMIT.fullmatch(revision):
            raise
        found = hidden(hub, caller, f"{path['namespace']}/{path['name']}")
        if not hub.releases.pins(found, revision):
            raise
        return found


Pinned = Annotated[Repository, Depends(pinned)]


def writable(repository: Readable, caller: Caller) -> Repository:
    """The repository that the path names, if the caller may write to it.

    Raises:
        RepositoryNotFound, NotAuthenticated, NotPermitted: they may not.
    """
    caller.check(WRITE, repository)
    return repository


Writable = Annotated[Repository, Depends(writable)]


def endpoint(request: Request) -> str:
    """The address that the client calls this server by, without a slash at its end; what it parses must start so."""
    return str(request.base_url).rstrip("/")


Endpoint = Annotated[str, Depends(endpoint)]
