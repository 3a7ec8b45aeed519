"""Files: what one is at a revision, and its bytes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from registry.errors import EntryNotFound
from registry.index.trees import TreeEntry
from registry.server.wire.context import Downloadable, Hub
from registry.server.wire.quoting import FILES

router = APIRouter()
CHUNK = 1 << 20  # bytes; of the 64 KiB that Starlette reads at once, a thread each, four fifths of the time is overhead


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
    if request.headers.get("x-hf-download-counter") and request.method == "GET":
        hub.repositories.count_download(repository)
    response = _Blob(hub.store.path(entry.sha256), headers=_headers(entry, found.commit))
    return response


class _Blob(FileResponse):
    chunk_size = CHUNK


def _headers(entry: TreeEntry, commit: str) -> dict[str, str]:
    name = entry.path.rpartition("/")[2].encode("ascii", errors="replace").decode().replace('"', "'")
    headers = {
        "ETag": f'"{entry.etag}"',
        "X-Repo-Commit": commit,
        "X-Linked-Etag": f'"{entry.etag}"',
        "X-Linked-Size": str(entry.size),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    return headers
