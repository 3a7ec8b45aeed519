"""Files: what one is at a revision, and its bytes."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from registry.errors import EntryNotFound
from registry.index.trees import TreeEntry
from registry.server.wire import notices
from registry.server.wire.conditions import is_wanted, names
from registry.server.wire.context import Downloadable, Hub
from registry.server.wire.failures import failure
from registry.server.wire.quoting import FILES
from registry.server.wire.ranges import Unsatisfiable, parse

router = APIRouter()


@router.get(FILES[0] + "/resolve/{revision:segment}/{path:rest}")
@router.head(FILES[0] + "/resolve/{revision:segment}/{path:rest}")
@router.get(FILES[1] + "/resolve/{revision:segment}/{path:rest}")
@router.head(FILES[1] + "/resolve/{revision:segment}/{path:rest}")
def resolve(request: Request, hub: Hub, repository: Downloadable, revision: str, path: str) -> Response:
    """The bytes of a file, or a range of them; HEAD says what they are without them."""
    found, entry = hub.history.entry(repository, revision, path)
    request.state.failure_headers = {"X-Repo-Commit": found.commit}  # with it, clients remember that it is not there
    if entry is None:
        raise EntryNotFound(f"{path} does not exist on {revision}", "See the list of files.")
    headers = _headers(entry, found.commit) | notices.yanked(revision, found.yanked)
    if not is_wanted(request.headers.get("if-match"), headers["ETag"]):
        return failure(412, "The file is another one by now", "precondition")
    if (held := request.headers.get("if-none-match")) and names(held, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        part = parse(_range_of(request, headers["ETag"]), entry.size)
    except Unsatisfiable:
        return failure(
            416, "The range is outside the file", "range", headers={"Content-Range": f"bytes */{entry.size}"}
        )
    start, stop = part or (0, entry.size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{entry.size}"
    status = 206 if part else 200
    if request.method == "HEAD" or not entry.size:
        return Response(status_code=status, headers=headers)
    if start == 0:
        hub.downloads.add(repository, path)
    return StreamingResponse(hub.store.read(entry.sha256, start, stop), status, headers)


def _range_of(request: Request, etag: str) -> str | None:
    """The range that is asked for, unless only of other bytes than these."""
    condition = request.headers.get("if-range")
    return None if condition not in (None, etag) else request.headers.get("range")


def _headers(entry: TreeEntry, commit: str) -> dict[str, str]:
    return {
        "ETag": f'"{entry.etag}"',
        "X-Repo-Commit": commit,
        "X-Linked-Etag": f'"{entry.etag}"',
        "X-Linked-Size": str(entry.size),
        "Content-Type": "application/octet-stream",  # whatever it is, no browser is to run it
        "Content-Disposition": _disposition(entry.path.rpartition("/")[2]),
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }


def _disposition(name: str) -> str:
    """To save it under its name: in ASCII for all, and as it is (RFC 6266, RFC 8187) where that differs."""
    plain = name.encode("ascii", errors="replace").decode().replace('"', "'")
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")
