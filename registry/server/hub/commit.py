"""Commits, as Hub clients send them: newline-delimited JSON, small files in it, large ones named by their sha256."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from registry.errors import InvalidReference, MissingBytes, TooLarge
from registry.index.discussions import Discussion
from registry.index.trees import Change, Delete, Put, TreeEntry, check_path
from registry.server import files, pushes
from registry.server.hub.attributes import MAX_REGULAR_BYTES
from registry.server.hub.repositories import address
from registry.server.storing import Storing
from registry.server.wire.bodies import spool
from registry.server.wire.context import Caller, Endpoint, Hub, Readable
from registry.server.wire.quoting import REPOSITORY

router = APIRouter()
MAX_LINE = MAX_REGULAR_BYTES * 2  # bytes; base64 makes four of three
MAX_CHANGES = 25_000
MAX_MESSAGE = 65_536  # characters


class Line(msgspec.Struct):
    """One line; `value` depends on the key."""

    key: str
    value: dict[str, Any]


@dataclass
class Draft:
    """A commit as far as its lines were read."""

    message: str = ""
    parent: str | None = None
    changes: list[Change] = field(default_factory=list)


@router.post(REPOSITORY + "/commit/{revision:segment}")
async def commit(
    request: Request,
    repository: Readable,
    hub: Hub,
    caller: Caller,
    endpoint: Endpoint,
    revision: str,
    create_pr: Literal["0", "1"] = "0",
) -> dict[str, Any]:
    """Put a commit on top of a branch or pull request, or open a pull request with it."""
    proposed = create_pr == "1"
    await run_in_threadpool(pushes.check, hub, caller, repository, revision, create_pr=proposed)
    with hub.scratch.folder() as folder:
        body = folder / "body"
        await spool(request, body, hub.settings.max_commit_bytes)

        def apply() -> tuple[Discussion | None, str]:
            draft = read(hub, body)
            sent = [one.entry for one in draft.changes if isinstance(one, Put) and one.entry.oid]
            files.grant(hub, repository, sent)
            what = (repository, revision, draft.changes, draft.message, caller.name, draft.parent)
            return hub.pulls.propose(*what) if proposed else (None, hub.history.commit(*what))

        opened, oid = await run_in_threadpool(apply)
    where = address(endpoint, repository.kind, repository.name)
    answer = {"success": True, "commitUrl": f"{where}/commit/{oid}", "commitOid": oid, "hookOutput": ""}
    return answer | ({"pullRequestUrl": f"{where}/discussions/{opened.number}"} if opened else {})


def read(hub: Hub, body: Path) -> Draft:
    """Read the lines of a commit, storing the small files that are in it.

    Raises:
        InvalidReference: a line is not what a client sends.
        TooLarge: a line, or their number, is more than is allowed.
        MissingBytes: a file is named by a sha256 that nobody uploaded.
    """
    draft = Draft()
    with Storing(hub) as storing:
        for number, line in enumerate(_lines(body), start=1):
            try:
                _apply(hub, storing, draft, line)
            except (KeyError, TypeError, AttributeError, binascii.Error) as error:
                raise InvalidReference(f"line {number} of the commit: {error!r}", "Use a Hub client.") from error
    if not draft.message:
        raise InvalidReference("the commit has no header line with a summary", "Use a Hub client to commit.")
    return draft


def _lines(body: Path) -> Iterator[Line]:
    with body.open("rb") as stream:
        for number in range(MAX_CHANGES + 2):
            text = stream.readline(MAX_LINE)
            if not text:
                return
            if len(text) == MAX_LINE:
                raise TooLarge(f"line {number + 1} of the commit is too long", "Upload large files before the commit.")
            if not text.strip():
                continue
            try:
                yield msgspec.json.decode(text, type=Line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidReference(f"line {number + 1} of the commit: {error}", "Use a Hub client.") from error
    raise TooLarge(f"a commit changes at most {MAX_CHANGES:,} files", "Make several commits.")


def _apply(hub: Hub, storing: Storing, draft: Draft, line: Line) -> None:
    value = line.value
    match line.key:
        case "header":
            summary, description = str(value["summary"]), str(value.get("description") or "")
            draft.message = f"{summary}\n\n{description}".replace("\0", "").strip()
            if len(draft.message) > MAX_MESSAGE:
                raise TooLarge(f"a commit's message has at most {MAX_MESSAGE:,} characters", "Shorten it.")
            draft.parent = value.get("parentCommit") or None
        case "file":
            path = check_path(value["path"])
            text = value["content"].encode()
            data = base64.b64decode(text, validate=True) if value.get("encoding") == "base64" else text
            draft.changes.append(Put(storing.put(data, path)))
        case "lfsFile":
            draft.changes.append(Put(_uploaded(hub, check_path(value["path"]), str(value["oid"]))))
        case "deletedFile":
            draft.changes.append(Delete(str(value["path"])))
        case "deletedFolder":
            draft.changes.append(Delete(str(value["path"]), folder=True))
        case other:
            raise InvalidReference(f"{other[:40]!r} is no part of a commit", "Use a Hub client to commit.")


def _uploaded(hub: Hub, path: str, sha256: str) -> TreeEntry:
    size = files.size_of(hub, sha256)
    if size is None:
        raise MissingBytes(f"{path}: no file of sha256 {sha256[:64]} was uploaded", "Upload it, then commit it.")
    return TreeEntry(path, size, sha256)
