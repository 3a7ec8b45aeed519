"""What files a commit holds, as the Hub lists them."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from registry.errors import EntryNotFound
from registry.index.trees import TreeEntry, above
from registry.server.wire.context import Endpoint, Hub, Pinned
from registry.server.wire.pages import next_page
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()
PAGE = 1000  # entries; the Hub's own
PAGE_EXPANDED = 50


@router.get(REPOSITORY + "/tree/{revision:segment}")
@router.get(REPOSITORY + "/tree/{revision:segment}/{folder:rest}")
def tree(
    request: Request,
    response: Response,
    hub: Hub,
    repository: Pinned,
    endpoint: Endpoint,
    revision: str,
    folder: str = "",
    recursive: bool = False,
    expand: bool = False,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
) -> list[dict[str, Any]]:
    """Files and folders of a folder, or of all below it, in the order of their paths, a page at a time."""
    found = hub.history.revision(repository, revision)
    response.headers["X-Repo-Commit"] = found.commit
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    inside = {path: entry for path, entry in hub.history.tree(found.commit).items() if path.startswith(prefix)}
    if prefix and not inside:
        raise EntryNotFound(f"{folder} does not exist on {revision}", "See the tree above it.")
    size = min(limit, PAGE_EXPANDED) if expand else limit
    below = (path for path in _paths(inside, prefix, recursive) if path > cursor)
    first = heapq.nsmallest(size + 1, below)
    page = _described(first[:size], inside)
    if len(first) > size:
        response.headers["Link"] = next_page(request, endpoint, cursor=page[-1]["path"])
    return _with_commits(hub, page, inside) if expand else page


@router.post(REPOSITORY + "/paths-info/{revision:segment}")
def paths_info(
    hub: Hub,
    repository: Pinned,
    revision: str,
    paths: Annotated[list[str] | None, Form()] = None,
    expand: Annotated[bool, Form()] = False,
) -> list[dict[str, Any]]:
    """The same of the paths that are named; those that are not there are left out."""
    inside = hub.history.tree(hub.history.revision(repository, revision).commit)
    wanted = {path.strip("/") for path in paths or []}
    listed = {one["path"]: one for one in _described([path for path in _paths(inside) if path in wanted], inside)}
    found = [listed[path.strip("/")] for path in paths or [] if path.strip("/") in listed]
    return _with_commits(hub, found, inside) if expand else found


def file_entry(entry: TreeEntry) -> dict[str, Any]:
    """A file as the Hub lists it."""
    described: dict[str, Any] = {"type": "file", "path": entry.path, "size": entry.size, "oid": blob_id(entry)}
    return described | ({} if entry.oid else {"lfs": lfs_of(entry)})


def lfs_of(entry: TreeEntry) -> dict[str, Any]:
    """What the Hub says of an LFS file beside its path."""
    return {"oid": entry.sha256, "size": entry.size, "pointerSize": len(_pointer(entry))}


def blob_id(entry: TreeEntry) -> str:
    """The sha1 of the file as a blob of git; for an LFS file that of its pointer."""
    if entry.oid:
        return entry.oid
    pointer = _pointer(entry)
    return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer, usedforsecurity=False).hexdigest()


def _pointer(entry: TreeEntry) -> bytes:
    """https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, "The Pointer"."""
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{entry.sha256}", f"size {entry.size}", "")
    return "\n".join(lines).encode()


def _paths(inside: Mapping[str, TreeEntry], prefix: str = "", recursive: bool = True) -> Iterator[str]:
    """The files in the order of their paths, and each folder once, before the first file in it."""
    before, known = "", set[str]()
    for path in sorted(inside):
        steps = path.removeprefix(prefix).split("/")
        if len(steps) > 1 and before != (before := path.rpartition("/")[0]):
            folders = {prefix + "/".join(steps[:depth]) for depth in range(1, len(steps) if recursive else 2)}
            yield from folders - known
            known = folders
        if recursive or len(steps) == 1:
            yield path


def _described(paths: Sequence[str], inside: Mapping[str, TreeEntry]) -> list[dict[str, Any]]:
    """Files and folders as the Hub lists them.

    The Hub gives folders the oid of a git tree; here it names what the folder holds just as well.
    """
    digests = {path: hashlib.sha1(usedforsecurity=False) for path in paths if path not in inside}
    for entry in inside.values() if digests else ():
        for folder in above(entry.path):
            if digest := digests.get(folder):
                digest.update(f"{entry.path} {entry.etag}\n".encode())
    return [
        file_entry(inside[path])
        if path in inside
        else {"type": "directory", "path": path, "oid": digests[path].hexdigest(), "size": 0}
        for path in paths
    ]


def _with_commits(hub: Hub, page: list[dict[str, Any]], inside: Mapping[str, TreeEntry]) -> list[dict[str, Any]]:
    """Each with the commit that changed it last; a folder's is the newest of its files'."""
    changed: dict[str, set[str]] = {one["path"]: set() for one in page}
    for entry in inside.values():
        for path in (entry.path, *above(entry.path)):
            if entry.changed and path in changed:
                changed[path].add(entry.changed)
    commits = hub.history.commits(list(set[str]().union(*changed.values())))
    described = []
    for one in page:
        known = [commits[oid] for oid in changed[one["path"]] if oid in commits]
        last = max(known, key=lambda commit: commit.created, default=None)
        about = last and {"id": last.oid, "title": last.title, "date": stamp(last.created)}
        described.append(one | {"lastCommit": about, "securityFileStatus": None})
    return described
