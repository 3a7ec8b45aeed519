"""Who likes what."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.server.wire.context import Caller, Hub, Readable
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()


@router.post(REPOSITORY + "/like")
def like(hub: Hub, repository: Readable, caller: Caller) -> dict[str, Any]:
    """Like a repository."""
    caller.check_part(repository)
    hub.likes.add(repository, caller.name)
    return {}


@router.delete(REPOSITORY + "/like")
def unlike(hub: Hub, repository: Readable, caller: Caller) -> dict[str, Any]:
    """Like it no more."""
    caller.check_part(repository)
    hub.likes.remove(repository, caller.name)
    return {}


@router.get(REPOSITORY + "/likers")
def likers(hub: Hub, repository: Readable) -> list[dict[str, Any]]:
    """All who like it."""
    return [{"user": one.name, "fullname": one.fullname, "avatarUrl": ""} for one in hub.likes.likers(repository)]


@router.get("/api/users/{user:segment}/likes")
def likes(hub: Hub, caller: Caller, user: str) -> list[dict[str, Any]]:
    """All that a user likes and the caller may see."""
    return [
        {"createdAt": stamp(since), "repo": {"name": repository.name, "type": repository.kind}}
        for repository, since in hub.likes.of(user)
        if caller.sees(repository)
    ]
