"""What changed since a mark, for those who follow names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from registry.server.adapters.context import Model, refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import ChangesDocument
from registry.server.wire.context import Caller, Hub
from registry.server.wire.quoting import MODEL

router = new_router("following")
Since = Annotated[
    int | None, Query(ge=0, lt=1 << 63, description="The mark of an earlier answer; without one, only a mark is given.")
]


@router.get("/api/changes", responses=refusals())
def changes(hub: Hub, caller: Caller, since: Since = None) -> ChangesDocument:
    """The model repositories that changed, of those that the caller may read."""
    return ChangesDocument.of(hub.following.changes(since, caller.sees))


@router.get(MODEL + "/changes", responses=refusals(404))
def changes_of_one(repository: Model, hub: Hub, since: Since = None) -> ChangesDocument:
    """The same of one repository: a list of its ids, or an empty one."""
    return ChangesDocument.of(hub.following.changes(since, lambda other: other.id == repository.id))
