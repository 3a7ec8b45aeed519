"""Uploads by Xet's write path, which stock clients take for every large file.

Downloads stay plain HTTP: no answer names a Xet hash. What a client uploads as xorbs is put together into files as soon
as it sends the shard that says how, so that a file is known by its sha256 however it came. Each user's xorbs are apart:
whoever knows the hash of somebody else's xorb has not its bytes by that. Protocol: https://huggingface.co/docs/xet, and
hf_xet 1.8 itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from registry.errors import InvalidReference, NotPermitted, TooLarge
from registry.index.trees import TreeEntry
from registry.server import files, pushes
from registry.server.services import Services
from registry.server.tickets import XET_AGE, XetTicket
from registry.server.wire.bodies import spool
from registry.server.wire.context import Caller, Endpoint, Hub, Readable
from registry.server.wire.quoting import REPOSITORY
from registry.server.xet.assemble import assemble
from registry.server.xet.shard import MAX_SHARD_BYTES, ShardFile, read_shard
from registry.server.xet.xorb import MAX_XORB_BYTES, check_xorb

router = APIRouter()
CAS = "/_cas/{instance:segment}/{user:segment}/v1"
_HASH = re.compile(r"[0-9a-f]{64}")


@router.get(REPOSITORY + "/xet-write-token/{revision:segment}")
def write_token(repository: Readable, hub: Hub, caller: Caller, endpoint: Endpoint) -> JSONResponse:
    """Where this server takes Xet's bytes, and a token for it."""
    caller.check_part(repository)
    token = hub.tickets.sign(XetTicket(repository.kind, repository.name, caller.name, caller.token))
    url, over = f"{endpoint}/_cas/{hub.cas_instance()}/{caller.name}", int(time.time()) + XET_AGE
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(over)}
    return JSONResponse({"casUrl": url, "accessToken": token, "exp": over}, headers=headers)


def _ticket(hub: Hub, user: str, authorization: Annotated[str, Header()] = "") -> XetTicket:
    found = hub.tickets.read(XetTicket, authorization.partition(" ")[2].strip())
    if found.user != user:
        raise NotPermitted("this token is another user's", "Begin the upload again.")
    pushes.check_ticket(hub, found)
    return found


Holder = Annotated[XetTicket, Depends(_ticket)]


@router.post(CAS + "/xorbs/default/{xorb}")
async def xorb(request: Request, hub: Hub, ticket: Holder, xorb: str) -> dict[str, Any]:
    """A xorb: chunks of files to come."""
    if not _HASH.fullmatch(xorb):
        raise InvalidReference(f"{xorb[:80]!r} is not the hash of a xorb", "Use a Hub client to upload.")

    def keep() -> bool:
        key = _key(ticket, xorb)
        if hub.staging.size(key) is not None:
            return False
        with body.open("rb") as stream:
            check_xorb(stream, xorb)
        hub.staging.put(key, body, move=True)
        return True

    with hub.scratch.folder() as folder:
        body = folder / "xorb"
        await spool(request, body, MAX_XORB_BYTES)
        return {"was_inserted": await run_in_threadpool(keep)}


@router.post(CAS + "/shards")
async def shard(request: Request, hub: Hub, ticket: Holder) -> dict[str, Any]:
    """Which chunks make which files: they are put together, and can be committed from then on."""

    def receive() -> None:
        with body.open("rb") as stream:
            described = read_shard(stream)
        _refuse_too_large(described, hub.settings.max_file_bytes)
        for number, one in enumerate(described):
            target = folder / f"file-{number}"
            _receive(hub, ticket, one, target)
            target.unlink(missing_ok=True)

    with hub.scratch.folder() as folder:
        body = folder / "shard"
        await spool(request, body, MAX_SHARD_BYTES)
        await run_in_threadpool(receive)
    return {"result": 1}


def _refuse_too_large(described: Sequence[ShardFile], most: int) -> None:
    """Refuse a shard whose files are too large in all: each can name the same few chunks again and again.

    Raises:
        TooLarge: they are. A shard of a few megabytes could ask for petabytes.
    """
    if sum(one.size for one in described) > most:
        raise TooLarge(f"the files of the shard have more than {most:,} bytes in all", "Upload fewer files at once.")


def _receive(hub: Services, ticket: XetTicket, described: ShardFile, target: Path) -> None:
    repository = hub.repositories.find(ticket.name, ticket.kind)
    known = described.sha256 and files.renewed(hub, repository, [described.sha256])
    if known:
        return

    def open_xorb(name: str) -> BinaryIO:
        return hub.staging.open(_key(ticket, name))

    made = assemble(described, target, open_xorb, max_bytes=hub.settings.max_file_bytes)
    hub.store.put(target, made.sha256, move=True)
    files.grant(hub, repository, [TreeEntry("", made.size, made.sha256)])


def _key(ticket: XetTicket, xorb: str) -> str:
    return f"xorbs/{ticket.user.lower()}/{xorb}"
