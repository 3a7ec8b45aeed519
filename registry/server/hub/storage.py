"""Room that repositories take: how much, the large files in their histories, and copies of whole repositories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from registry.errors import NotAuthenticated, RepositoryExists
from registry.index.repositories import Repository
from registry.selector import MAIN, check_repository
from registry.server.hub.repositories import address, require_namespace
from registry.server.principal import READ
from registry.server.wire.context import Caller, Downloadable, Endpoint, Hub, Writable
from registry.server.wire.pages import next_page
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()
PAGE = 1000


class Deletions(BaseModel):
    """LFS files to remove, by their sha256; they always leave the history too."""

    sha: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(max_length=PAGE)]
    rewriteHistory: bool = True


class Batch(BaseModel):
    """What is to be done with LFS files."""

    deletions: Deletions


class Copy(BaseModel):
    """Where a copy goes; it is as private as its source, unless said otherwise."""

    repository: str
    visibility: Literal["public", "private"] | None = None


@router.get("/api/settings/repositories")
def own_repositories(hub: Hub, caller: Caller) -> list[dict[str, Any]]:
    """The caller's own repositories, of which a token for another namespace sees the public ones."""
    if caller.user is None:
        raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
    return _shares([share for share in hub.storage.usage(caller.user) if caller.sees(share[0])])


@router.get("/api/organizations/{namespace:segment}/settings/repositories")
def repositories(hub: Hub, caller: Caller, namespace: str) -> list[dict[str, Any]]:
    """The repositories of an organisation, for its members."""
    caller.require(READ, namespace)
    return _shares(hub.storage.usage(namespace))


@router.get(REPOSITORY + "/lfs-files")
def large_files(
    request: Request, response: Response, hub: Hub, repository: Writable, endpoint: Endpoint, cursor: str = ""
) -> list[dict[str, Any]]:
    """The LFS files of all commits, a page at a time."""
    found = hub.storage.large_files(repository, cursor.replace("\0", ""), PAGE)
    if len(found) == PAGE:
        response.headers["Link"] = next_page(request, endpoint, cursor=found[-1].sha256)
    return [
        {
            "fileOid": one.sha256,
            "filename": one.path,
            "oid": one.sha256,
            "pushedAt": stamp(one.pushed),
            "ref": None,
            "size": one.size,
        }
        for one in found
    ]


@router.post(REPOSITORY + "/lfs-files/batch")
def remove_large_files(body: Batch, hub: Hub, repository: Writable, caller: Caller) -> dict[str, Any]:
    """Take LFS files out of the history for good; what a version needs is refused."""
    hub.storage.remove(repository, body.deletions.sha, caller.name)
    return {}


@router.post(REPOSITORY + "/duplicate")
def duplicate(body: Copy, hub: Hub, repository: Downloadable, caller: Caller, endpoint: Endpoint) -> Response:
    """Make a repository with the files that another one's main branch holds, for who may read them.

    One that is there answers 409.
    """
    name = check_repository(body.repository)
    require_namespace(hub, caller, name)
    private = body.visibility == "private" if body.visibility else repository.private
    commit = hub.history.revision(repository, MAIN).commit
    answer = {"url": address(endpoint, repository.kind, name)}
    try:
        hub.repositories.copy(repository, commit, name, private=private, author=caller.name)
    except RepositoryExists as error:
        return JSONResponse(answer | {"error": error.message}, 409, {"X-Error-Message": error.message})
    return JSONResponse(answer)


def _shares(found: Sequence[tuple[Repository, int]]) -> list[dict[str, Any]]:
    total = sum(size for _, size in found) or 1
    return [
        {
            "id": repository.name,
            "type": repository.kind,
            "updatedAt": stamp(repository.updated),
            "visibility": "private" if repository.private else "public",
            "storage": size,
            "storagePercent": round(100 * size / total, 2),
        }
        for repository, size in found
    ]
