"""What files a commit holds, as the Hub lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from registry.errors import EntryNotFound
from registry.index.history import Commit
from registry.index.trees import TreeEntry
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
    listed = _recursive(inside, prefix) if recursive else _direct(inside, prefix)
    rest = [one for one in listed if one["path"] > cursor]
    page = rest[: min(limit, PAGE_EXPANDED) if expand else limit]
    if len(page) < len(rest):
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
    listed = {one["path"]: one for one in _recursive(inside, "")}
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


def _folders(paths: Iterable[str], prefix: str) -> set[str]:
    found: set[str] = set()
    for path in paths:
        steps = path.removeprefix(prefix).split("/")[:-1]
        found.update(prefix + "/".join(steps[: depth + 1]) for depth in range(len(steps)))
    return found


def _folder_entry(path: str, inside: Mapping[str, TreeEntry]) -> dict[str, Any]:
    """The Hub gives folders the oid of a git tree; here it names what the folder holds just as well."""
    content = "".join(f"{one.path} {one.etag}\n" for one in inside.values() if one.path.startswith(path + "/"))
    oid = hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "path": path, "oid": oid, "size": 0}


def _recursive(inside: Mapping[str, TreeEntry], prefix: str) -> list[dict[str, Any]]:
    listed = [file_entry(entry) for entry in inside.values()]
    listed += [_folder_entry(path, inside) for path in _folders(inside, prefix)]
    return sorted(listed, key=lambda one: str(one["path"]))


def _direct(inside: Mapping[str, TreeEntry], prefix: str) -> list[dict[str, Any]]:
    depth = prefix.count("/")
    return [one for one in _recursive(inside, prefix) if one["path"].count("/") == depth]


def _with_commits(hub: Hub, page: list[dict[str, Any]], inside: Mapping[str, TreeEntry]) -> list[dict[str, Any]]:
    """Each with the commit that changed it last; a folder's is the newest of its files'."""
    of_path = {path: entry.changed for path, entry in inside.items() if entry.changed}
    commits = hub.history.commits(list(set(of_path.values())))

    def last(one: dict[str, Any]) -> Commit | None:
        below = [of_path[path] for path in of_path if path == one["path"] or path.startswith(one["path"] + "/")]
        known = [commits[oid] for oid in below if oid in commits]
        return max(known, key=lambda commit: commit.created, default=None)

    described = []
    for one in page:
        commit = last(one)
        about = commit and {"id": commit.oid, "title": commit.title, "date": stamp(commit.created)}
        described.append(one | {"lastCommit": about, "securityFileStatus": None})
    return described
