"""Withdrawing versions: yanked, revoked, taken down; each is more than the one before, and none can be undone."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from registry.index.repositories import Repository
from registry.protocol import Status
from registry.server.adapters.context import Name, Namespace, OwnModel, refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import Reason, VersionDocument
from registry.server.adapters.versions import find
from registry.server.services import Services
from registry.server.wire.context import Caller, Hub
from registry.server.wire.quoting import MODEL

router = new_router("withdrawals")
Number = Annotated[str, Path(description="Its number.", examples=["1.4.0"])]


@router.post(MODEL + "/versions/{number:segment}/yank", responses=refusals(401, 403, 404))
def yank_version(body: Reason, repository: OwnModel, hub: Hub, caller: Caller, number: Number) -> VersionDocument:
    """Hide a version from ranges and latest; who pins it still gets it, with the reason as a warning."""
    return _withdraw(hub, repository, number, "yanked", body.reason, caller.name)


@router.post(MODEL + "/versions/{number:segment}/revoke", responses=refusals(401, 403, 404))
def revoke_version(body: Reason, repository: OwnModel, hub: Hub, caller: Caller, number: Number) -> VersionDocument:
    """Refuse a version everywhere, by tag, alias, range and digest, from now on and for good."""
    return _withdraw(hub, repository, number, "revoked", body.reason, caller.name)


@router.post(MODEL + "/versions/{number:segment}/takedown", responses=refusals(401, 403, 404))
def take_down_version(
    body: Reason, namespace: Namespace, name: Name, hub: Hub, caller: Caller, number: Number
) -> VersionDocument:
    """Revoke a version and remove its files, for administrators of the server.

    It concerns the content: every version of the same digest, and the same files in other commits of the repository
    unless another version holds them. Its record stays, and the content is never admitted there again. Reading its
    commit answers 451. It works on a deleted repository too.
    """
    caller.require_server_admin()
    repository = find(hub, caller, namespace, name, pinned=True)
    hub.takedowns.take_down(repository, number, body.reason, caller.name)
    return VersionDocument.of(hub.releases.one(repository, number)[0])


def _withdraw(
    hub: Services, repository: Repository, number: str, status: Status, reason: str, author: str
) -> VersionDocument:
    hub.versions.withdraw(repository.name, number, status, reason, author)
    return VersionDocument.of(hub.releases.one(repository, number)[0])
