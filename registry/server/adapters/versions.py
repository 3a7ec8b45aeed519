"""Versions: the list of a repository's, and one with its manifest."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from registry.errors import RepositoryNotFound
from registry.index.repositories import Repository
from registry.server.adapters.context import Name, Namespace, model, refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import FullVersion, VersionDocument
from registry.server.principal import Principal
from registry.server.services import Services
from registry.server.wire.context import Caller, Hub, visible
from registry.server.wire.quoting import MODEL

router = new_router("versions")
Digest = Annotated[str | None, Query(description="Only versions of this digest.", pattern="^sha256:[0-9a-f]{64}$")]


@router.get(MODEL + "/versions", responses=refusals(404))
def list_versions(
    namespace: Namespace, name: Name, hub: Hub, caller: Caller, digest: Digest = None
) -> list[VersionDocument]:
    """All versions of a repository, the highest first, whatever their status.

    A repository that was deleted still answers whoever names a digest, and could read it.
    """
    repository = find(hub, caller, namespace, name, pinned=digest is not None)
    found = hub.releases.all(repository)
    return [VersionDocument.of(one) for one in found if digest in (None, one.version.digest)]


@router.get(MODEL + "/versions/{version:segment}", responses=refusals(404))
def show_version(
    namespace: Namespace,
    name: Name,
    hub: Hub,
    caller: Caller,
    version: Annotated[str, Path(description="Its number, or its digest.", examples=["1.4.0"])],
) -> FullVersion:
    """One version with its manifest, whatever its status.

    A repository that was deleted still answers whoever names a digest, and could read it.
    """
    repository = find(hub, caller, namespace, name, pinned=version.startswith("sha256:"))
    return FullVersion.holding(*hub.releases.one(repository, version))


def find(hub: Services, caller: Principal, namespace: str, name: str, *, pinned: bool) -> Repository:
    """The repository, if the caller may see it; a deleted one too, where a digest is `pinned`.

    Raises:
        RepositoryNotFound: there is none, or none for them.
    """
    try:
        return model(namespace, name, hub, caller)
    except RepositoryNotFound:
        if not pinned:
            raise
        return visible(hub, caller, f"{namespace}/{name}", hidden=True)
