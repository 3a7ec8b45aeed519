"""Branches, tags, and the list of them all. In a model repository, a SemVer tag on an adapter makes a version."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from registry.errors import VersionImmutable
from registry.index import rows
from registry.index.refs import FOLDERS, Ref
from registry.selector import MAIN
from registry.server.admission import admit_commit, is_for_admission
from registry.server.wire.context import Caller, Hub, Readable, Writable
from registry.server.wire.quoting import REPOSITORY

router = APIRouter()
MAX_MESSAGE = 10_000  # characters


class NewBranch(BaseModel):
    """Where it begins: a revision; at the main branch where that is not said."""

    startingPoint: str | None = None


class NewTag(BaseModel):
    """Its name, and what it is there for."""

    tag: str
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)] | None = None


class Squash(BaseModel):
    """The message of the one commit."""

    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]


@router.get(REPOSITORY + "/refs")
def refs(hub: Hub, repository: Readable, include_prs: bool = False) -> dict[str, Any]:
    """All names for commits; `aliases` is this server's own addition."""
    found = hub.refs.list(repository)

    def of(kind: str) -> list[dict[str, Any]]:
        return [_described(one) for one in found if one.kind == kind]

    listed = {"branches": of(rows.BRANCH), "tags": of(rows.TAG), "converts": [], "aliases": of(rows.ALIAS)}
    return listed | ({"pullRequests": of(rows.PULL)} if include_prs else {})


@router.post(REPOSITORY + "/branch/{branch:segment}")
def create_branch(
    repository: Writable, hub: Hub, caller: Caller, branch: str, body: NewBranch | None = None
) -> dict[str, str]:
    """Make a branch."""
    start = (body and body.startingPoint) or MAIN
    return {"commit": hub.refs.create_branch(repository, branch, start, caller.name)}


@router.delete(REPOSITORY + "/branch/{branch:segment}")
def delete_branch(repository: Writable, hub: Hub, caller: Caller, branch: str) -> dict[str, str]:
    """Remove a branch."""
    hub.refs.delete_branch(repository, branch, caller.name)
    return {}


@router.post(REPOSITORY + "/tag/{revision:segment}")
def create_tag(body: NewTag, repository: Writable, hub: Hub, caller: Caller, revision: str) -> dict[str, str]:
    """Tag a commit; a version's tag is made only if the commit is admitted."""
    commit = hub.history.revision(repository, revision).commit
    if is_for_admission(hub, repository, body.tag, commit):
        version = admit_commit(hub, repository, body.tag, commit, caller.name)
        return {"commit": commit, "digest": version.digest}
    return {"commit": hub.refs.create_tag(repository, body.tag, commit, body.message or "", caller.name)}


@router.delete(REPOSITORY + "/tag/{tag:segment}")
def delete_tag(repository: Writable, hub: Hub, caller: Caller, tag: str) -> dict[str, str]:
    """Remove a tag that is no version's."""
    try:
        hub.refs.delete_tag(repository, tag, caller.name)
    except VersionImmutable:
        hub.log.add("delete-refused", repository.name, tag, "delete", caller.name)
        raise
    return {}


@router.post(REPOSITORY + "/super-squash/{branch:segment}")
def squash(body: Squash, repository: Writable, hub: Hub, caller: Caller, branch: str) -> dict[str, str]:
    """Make one commit of a branch's or pull request's history; what else names its commits keeps them."""
    return {"commit": hub.refs.squash(repository, branch, body.message, caller.name)}


def _described(ref: Ref) -> dict[str, Any]:
    folder = FOLDERS[ref.kind]
    described = {"name": ref.name, "ref": f"{folder}/{ref.name}", "targetCommit": ref.commit}
    return described | ({"version": ref.version} if ref.kind == rows.ALIAS else {})
