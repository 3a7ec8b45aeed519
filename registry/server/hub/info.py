"""What a repository says of itself: model info, dataset info."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from registry.index import tags
from registry.index.search import Listed
from registry.server.hub import inferred
from registry.server.hub.tree import blob_id, lfs_of
from registry.server.principal import WRITE
from registry.server.wire import notices
from registry.server.wire.context import Caller, Downloadable, Hub, Pinned, Readable
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()


@router.get(REPOSITORY)
@router.get(REPOSITORY + "/revision/{revision:segment}")
def info(
    response: Response,
    hub: Hub,
    repository: Pinned,
    revision: str = "main",
    blobs: bool = False,
    expand: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """All that is known of a repository at a revision; with `expand` only the id and what is named."""
    found = hub.history.revision(repository, revision)
    response.headers.update(notices.yanked(revision, found.yanked))
    tree = hub.history.tree(found.commit)
    siblings: list[dict[str, Any]] = [{"rfilename": path} for path in tree]
    if blobs:
        for sibling, entry in zip(siblings, tree.values(), strict=True):
            sibling |= {"size": entry.size, "blobId": blob_id(entry)}
            if entry.oid is None:
                lfs = lfs_of(entry)
                sibling["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
    about = summary(Listed(repository, hub.search.adapter(repository))) | {
        "sha": found.commit,
        "siblings": siblings,
        "usedStorage": sum(entry.size for entry in tree.values()),
        "disabled": False,
        "spaces": [],
    }
    if repository.kind == "model":
        for name, value in inferred.of(hub, tree).items():
            about[name] = about.get(name) or value
        about["model-index"] = repository.card.get("model-index")
    return about if expand is None else {name: about[name] for name in about if name in {"_id", "id", *expand}}


@router.get(REPOSITORY + "/auth-check")
def auth_check(repository: Downloadable) -> dict[str, Any]:
    """Nothing, if the caller may read the repository's files."""
    return {}


@router.get(REPOSITORY + "/auth-check/write")
def auth_check_write(repository: Readable, caller: Caller) -> dict[str, Any]:
    """Nothing, if the caller may write to it."""
    caller.check(WRITE, repository)
    return {}


def summary(listed: Listed) -> dict[str, Any]:
    """What listings say of a repository, and its own page too."""
    repository, adapter = listed.repository, listed.adapter
    card = dict(repository.card)
    task, library = (adapter.task, "peft") if adapter else (None, None)
    return {
        "_id": str(repository.id),
        "id": repository.name,
        "author": repository.name.partition("/")[0],
        "private": repository.private,
        "gated": repository.gated or False,
        "createdAt": stamp(repository.created),
        "lastModified": stamp(repository.updated),
        "downloads": repository.downloads,
        "likes": repository.likes,
        "tags": tags.of(repository.kind, card, adapter),
        "cardData": card,
    } | (
        {
            "modelId": repository.name,
            "pipeline_tag": next(tags.texts(card.get("pipeline_tag")), task),
            "library_name": next(tags.texts(card.get("library_name")), library),
        }
        if repository.kind == "model"
        else {}
    )
