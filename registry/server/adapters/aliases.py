"""Aliases: names for versions that move by compare-and-set, with their history."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from registry.selector import check_alias, check_version
from registry.server.adapters.context import Model, OwnModel, refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import AliasChangeDocument, AliasMove
from registry.server.wire.context import Caller, Hub
from registry.server.wire.quoting import MODEL

router = new_router("aliases")
Alias = Annotated[str, Path(description="The alias.", examples=["production"])]


@router.put(MODEL + "/alias/{alias:segment}", responses=refusals(400, 401, 403, 404, 409, 412))
def move_alias(body: AliasMove, repository: OwnModel, hub: Hub, caller: Caller, alias: Alias) -> AliasChangeDocument:
    """Point an alias at a version, if it is where the caller expects it.

    Rolling back is moving it again. It cannot be the name of a branch or tag, nor `latest`, nor read as a version.
    """
    check_version(body.version)
    moved = hub.aliases.move(repository.name, check_alias(alias), body.version, body.expect, caller.name)
    return AliasChangeDocument.of(moved)


@router.get(MODEL + "/alias/{alias:segment}", responses=refusals(404))
def alias_history(repository: Model, hub: Hub, alias: Alias) -> list[AliasChangeDocument]:
    """All moves of an alias, the newest first; the first entry is where it points now."""
    return [AliasChangeDocument.of(one) for one in hub.aliases.history(repository.name, alias)]
