"""What files a commit holds, as the Hub lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from registry.errors import EntryNotFound
from registry.index.history import Commit
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
    folders = _folders(inside, prefix)
    paths = sorted([*inside, *folders])
    if not recursive:
        paths = [path for path in paths if path.count("/") == prefix.count("/")]
    rest = [path for path in paths if path > cursor]
    page = rest[: min(limit, PAGE_EXPANDED) if expand else limit]
    if len(page) < len(rest):
        response.headers["Link"] = next_page(request, endpoint, cursor=page[-1])
    described = [_entry(path, inside, folders) for path in page]
    return _with_commits(hub, described, inside) if expand else described


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
    folders = _folders(inside, "")
    wanted = [path.strip("/") for path in paths or []]
    found = [_entry(path, inside, folders) for path in wanted if path in inside or path in folders]
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


def _entry(path: str, inside: Mapping[str, TreeEntry], folders: Mapping[str, str]) -> dict[str, Any]:
    """A file or folder as the Hub lists it."""
    if path in inside:
        return file_entry(inside[path])
    return {"type": "directory", "path": path, "oid": folders[path], "size": 0}


def _folders(inside: Mapping[str, TreeEntry], prefix: str) -> dict[str, str]:
    """The folders below `prefix`, and what stands for the oid of a git tree: it names what the folder holds as well."""
    hashes: dict[str, Any] = {}
    for path, entry in inside.items():
        line = f"{path} {entry.etag}\n".encode()
        for folder in above(path):
            if folder.startswith(prefix):
                hashes.setdefault(folder, hashlib.sha1(usedforsecurity=False)).update(line)
    return {folder: one.hexdigest() for folder, one in hashes.items()}


def _with_commits(hub: Hub, page: list[dict[str, Any]], inside: Mapping[str, TreeEntry]) -> list[dict[str, Any]]:
    """Each with the commit that changed it last; a folder's is the newest of its files'."""
    commits = hub.history.commits([entry.changed for entry in inside.values() if entry.changed])
    newest: dict[str, Commit] = {}
    for path, entry in inside.items():
        commit = commits.get(entry.changed or "")
        if commit is None:  # it was removed: another ref's history, squashed
            continue
        for one in (path, *above(path)):
            if one not in newest or commit.created > newest[one].created:
                newest[one] = commit
    return [one | {"lastCommit": _summary(newest.get(one["path"])), "securityFileStatus": None} for one in page]


def _summary(commit: Commit | None) -> dict[str, str] | None:
    return None if commit is None else {"id": commit.oid, "title": commit.title, "date": stamp(commit.created)}
