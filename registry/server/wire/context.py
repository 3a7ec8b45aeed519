"""What an endpoint asks for by naming it in its signature: the services, who is asking, and the repository."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Request

from registry.errors import GatedRepository, InvalidReference, NotAuthenticated, RepositoryNotFound
from registry.index.repositories import Repository
from registry.index.rows import MODEL, no_repository
from registry.index.tokens import Holder
from registry.selector import check_repository
from registry.server.principal import READ, WRITE, Principal
from registry.server.services import Services
from registry.server.wire.quoting import address

_COMMIT = re.compile(r"[0-9a-f]{40}")


def services(request: Request) -> Services:
    """The process's services."""
    return cast(Services, request.app.state.services)


Hub = Annotated[Services, Depends(services)]


def holder(request: Request, hub: Hub) -> Holder | None:
    """Whoever holds the token of the ``Authorization`` header; None without one. Asked once a request.

    Raises:
        NotAuthenticated: the token is not valid, or the header is none that is understood.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    found = hub.tokens.holder(token.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise NotAuthenticated("Invalid credentials in Authorization header")
    request.state.user = found.user
    return found


TokenHolder = Annotated[Holder | None, Depends(holder)]


def principal(found: TokenHolder) -> Principal:
    """What that holder may do; little, without one."""
    return Principal() if found is None else Principal.of(found)


Caller = Annotated[Principal, Depends(principal)]


def visible(hub: Services, caller: Principal, name: str, kind: str = MODEL, *, hidden: bool = False) -> Repository:
    """The repository of that name, if the caller may see it.

    What they are told is of the name that they gave, and the same whether there is none or none for them: not how the
    one that there is writes its name, nor what it is called now.

    Args:
        hidden: a deleted model repository that has versions, for who could read it and pinned one of them.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    try:
        found = hub.releases.hidden(name) if hidden else hub.repositories.find(name, kind)
        caller.check(READ, found)
    except RepositoryNotFound as error:
        raise no_repository(name) from error
    return found


def readable(request: Request, hub: Hub, caller: Caller) -> Repository:
    """The repository that the path names, if the caller may see it.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    path = request.path_params
    name = f"{path['namespace']}/{path['name']}"
    try:
        check_repository(name)
    except InvalidReference as error:  # no database need be asked about what no repository can be called
        raise RepositoryNotFound(f"there is no repository {name}", error.hint) from error
    return visible(hub, caller, name, path.get("kind", MODEL))


Readable = Annotated[Repository, Depends(readable)]


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
        if path.get("kind", MODEL) != MODEL or not _COMMIT.fullmatch(revision):
            raise
        found = visible(hub, caller, f"{path['namespace']}/{path['name']}", hidden=True)
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


def downloadable(repository: Pinned, hub: Hub, caller: Caller, endpoint: Endpoint) -> Repository:
    """The repository that the path names, if the caller may read its files: the gate is open, or they were let in.

    Raises:
        RepositoryNotFound: they may not even see it.
        GatedRepository: they see it, and that is all.
    """
    if caller.downloads(repository, hub.access.is_accepted):
        return repository
    raise GatedRepository(  # the Hub's own words
        f"Access to {repository.kind} {repository.name} is restricted and you are not in the authorized list.",
        f"Visit {address(endpoint, repository.kind, repository.name)} to ask for access.",
    )


Downloadable = Annotated[Repository, Depends(downloadable)]
