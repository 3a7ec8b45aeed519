"""Commits, as Hub clients send them: newline-delimited JSON, small files in it, large ones named by their sha256."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from registry.errors import InvalidReference, MissingBytes, TooLarge
from registry.index.discussions import Discussion
from registry.index.repositories import Repository
from registry.index.trees import Change, Delete, Put, TreeEntry, check_path
from registry.server import files, pushes
from registry.server.hub.attributes import MAX_REGULAR_BYTES
from registry.server.hub.repositories import address
from registry.server.services import Services
from registry.server.wire.bodies import spool
from registry.server.wire.context import Caller, Endpoint, Hub, Readable
from registry.server.wire.quoting import REPOSITORY

router = APIRouter()
MAX_LINE = MAX_REGULAR_BYTES * 2  # bytes; base64 makes four of three
MAX_CHANGES = 25_000
MAX_MESSAGE = 65_536  # characters
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARENT = re.compile(r"[0-9a-fA-F]{5,40}")


class Line(msgspec.Struct):
    """One line; `value` depends on the key."""

    key: str
    value: dict[str, Any]


@dataclass
class Draft:
    """A commit as far as its lines were read.

    Attributes:
        sent: the small files that were in it, as they lie in the scratch folder.
        named: sha256 of the files that were uploaded before it, by the place of their change.
    """

    message: str = ""
    parent: str | None = None
    changes: list[Change] = field(default_factory=list)
    sent: list[tuple[TreeEntry, Path]] = field(default_factory=list)
    named: dict[int, str] = field(default_factory=dict)


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
            draft = read(hub, repository, body)
            what = (repository, revision, draft.changes, draft.message, caller.name, draft.parent)
            (hub.pulls.foresee if proposed else hub.history.foresee)(*what)  # so that what is refused leaves no bytes
            files.store_files(hub, draft.sent)
            files.grant(hub, repository, [entry for entry, _ in draft.sent])
            return hub.pulls.propose(*what) if proposed else (None, hub.history.commit(*what))

        opened, oid = await run_in_threadpool(apply)
    where = address(endpoint, repository.kind, repository.name)
    answer = {"success": True, "commitUrl": f"{where}/commit/{oid}", "commitOid": oid, "hookOutput": ""}
    return answer | ({"pullRequestUrl": f"{where}/discussions/{opened.number}"} if opened else {})


def read(hub: Services, repository: Repository, body: Path) -> Draft:
    """Read the lines of a commit; the small files in it are put beside `body`, and nothing is stored.

    Raises:
        InvalidReference, InvalidPath: a line is not what a client sends.
        TooLarge: a line, or their number, is more than is allowed.
        MissingBytes: a file is named by a sha256 that was not uploaded for this repository.
    """
    draft = Draft()
    for number, line in enumerate(_lines(body), start=1):
        try:
            _apply(draft, line, body.parent)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidReference(f"line {number} of the commit: {error!r}", "Use a Hub client to commit.") from error
    if not draft.message:
        raise InvalidReference("the commit has no header line with a summary", "Use a Hub client to commit.")
    sizes = files.granted(hub, repository, set(draft.named.values()))
    for place, sha256 in draft.named.items():
        draft.changes[place] = Put(_uploaded(draft.changes[place], sha256, sizes))
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
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InvalidReference(f"line {number + 1} of the commit: {error}", "Use a Hub client.") from error
    raise TooLarge(f"a commit changes at most {MAX_CHANGES:,} files", "Make several commits.")


def _apply(draft: Draft, line: Line, folder: Path) -> None:
    value = line.value
    match line.key:
        case "header":
            _head(draft, value)
        case "file":
            path = check_path(value["path"])
            text = value["content"].encode()
            file = folder / f"file-{len(draft.sent)}"
            file.write_bytes(base64.b64decode(text, validate=True) if value.get("encoding") == "base64" else text)
            draft.sent.append((files.entry_of(file, path), file))
            draft.changes.append(Put(draft.sent[-1][0]))
        case "lfsFile":
            sha256 = str(value["oid"])
            if not _SHA256.fullmatch(sha256):
                raise InvalidReference(f"{sha256[:64]!r} is no sha256", "Use a Hub client to commit.")
            draft.named[len(draft.changes)] = sha256
            draft.changes.append(Put(TreeEntry(check_path(value["path"]), 0, sha256)))
        case "deletedFile":
            draft.changes.append(Delete(str(value["path"])))
        case "deletedFolder":
            draft.changes.append(Delete(str(value["path"]), folder=True))
        case other:
            raise InvalidReference(f"{other[:40]!r} is no part of a commit", "Use a Hub client to commit.")


def _head(draft: Draft, value: Mapping[str, Any]) -> None:
    summary, description = str(value["summary"]), str(value.get("description") or "")
    draft.message = f"{summary}\n\n{description}".replace("\0", "").strip()
    if len(draft.message) > MAX_MESSAGE:
        raise TooLarge(f"a commit's message has at most {MAX_MESSAGE:,} characters", "Shorten it.")
    draft.parent = value.get("parentCommit") or None
    if draft.parent is not None and not _PARENT.fullmatch(draft.parent):
        raise InvalidReference(f"{draft.parent[:64]!r} is no commit", "Give 5 to 40 digits of its id.")


def _uploaded(change: Change, sha256: str, sizes: Mapping[str, int]) -> TreeEntry:
    path = change.entry.path if isinstance(change, Put) else change.path
    if sha256 not in sizes:
        raise MissingBytes(f"{path}: no file of sha256 {sha256} was uploaded here", "Upload it, then commit it.")
    return TreeEntry(path, sizes[sha256], sha256)
