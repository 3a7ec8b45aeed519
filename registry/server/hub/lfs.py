"""Uploads by Git LFS: the batch that asks where to send bytes, the bytes, whole or in parts, and their verification.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md and the Hub's multipart transfer.
"""

from __future__ import annotations

import math
import shutil
import uuid
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from registry.errors import InvalidReference, MissingBytes
from registry.index.repositories import Repository
from registry.manifest.completion import sha256_of
from registry.server import files, pushes
from registry.server.principal import Principal
from registry.server.services import Services
from registry.server.tickets import UploadTicket
from registry.server.wire.bodies import spool
from registry.server.wire.context import Caller, Endpoint, Hub, Readable
from registry.server.wire.quoting import FILES

router = APIRouter()
MEDIA_TYPE = "application/vnd.git-lfs+json"
PART_BYTES = 64 << 20
MAX_PARTS = 10_000
SHA256 = r"^[0-9a-f]{64}$"


class Object(BaseModel):
    """Bytes by their sha256."""

    oid: Annotated[str, Field(pattern=SHA256)]
    size: Annotated[int, Field(ge=0)]


class Batch(BaseModel):
    """What a client wants to send; there is no git here to fetch with."""

    operation: Literal["upload"]
    transfers: list[str] = ["basic"]
    objects: Annotated[list[Object], Field(max_length=256)]
    hash_algo: Literal["sha256"] = "sha256"


class Part(BaseModel):
    """A part that was sent, and the ETag it was answered with."""

    partNumber: Annotated[int, Field(ge=1, le=MAX_PARTS)]
    etag: str


class Completion(BaseModel):
    """All parts of an upload."""

    oid: Annotated[str, Field(pattern=SHA256)]
    parts: Annotated[list[Part], Field(max_length=MAX_PARTS)]


@router.post(FILES[0] + ".git/info/lfs/objects/batch")
@router.post(FILES[1] + ".git/info/lfs/objects/batch")
def batch(body: Batch, repository: Readable, hub: Hub, caller: Caller, endpoint: Endpoint) -> JSONResponse:
    """Where to send each object; one that is here already gets no address."""
    multipart = "multipart" in body.transfers
    caller.check_part(repository)
    here = files.renewed(hub, repository, [one.oid for one in body.objects])
    objects = []
    for one in body.objects:
        actions = {} if one.oid in here else _actions(hub, repository, caller, endpoint, one, multipart)
        objects.append({"oid": one.oid, "size": one.size} | actions)
    parted = multipart and any(one.size > PART_BYTES for one in body.objects)
    return JSONResponse({"transfer": "multipart" if parted else "basic", "objects": objects}, media_type=MEDIA_TYPE)


@router.put("/_lfs/{ticket:segment}")
async def send(request: Request, hub: Hub, ticket: str) -> Response:
    """All bytes of an object; the address says whose they are."""
    wanted, repository = await run_in_threadpool(_read, hub, ticket)
    with hub.scratch.folder() as folder:
        file = folder / "object"
        size = await spool(request, file, wanted.size)
        await run_in_threadpool(files.receive, hub, repository, file, wanted, size)
    return Response(status_code=200, headers={"ETag": f'"{wanted.sha256}"'})


@router.put("/_lfs/{ticket:segment}/{number}")
async def send_part(
    request: Request, hub: Hub, ticket: str, number: Annotated[int, Path(ge=1, le=MAX_PARTS)]
) -> Response:
    """One part of an object; parts wait until all are here."""
    wanted, _ = await run_in_threadpool(_read, hub, ticket)
    if number > wanted.parts:
        raise InvalidReference(f"the upload has {wanted.parts} parts", "Begin the upload again.")
    with hub.scratch.folder() as folder:
        file = folder / "part"
        size = await spool(request, file, PART_BYTES)
        if size != min(PART_BYTES, wanted.size - (number - 1) * PART_BYTES):
            raise InvalidReference(
                f"part {number} has {size:,} bytes, which is not what it must have", "Send it again."
            )
        etag = await run_in_threadpool(sha256_of, file)
        await run_in_threadpool(hub.staging.put, _part(wanted, number), file, move=True)
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


@router.post("/_lfs/{ticket:segment}")
def complete(body: Completion, hub: Hub, ticket: str) -> dict[str, Any]:
    """Make an object of its parts."""
    wanted, repository = _read(hub, ticket)
    numbers = sorted(part.partNumber for part in body.parts)
    if not wanted.parts or body.oid != wanted.sha256 or numbers != list(range(1, wanted.parts + 1)):
        raise InvalidReference(f"these are not the {wanted.parts} parts of the object", "Begin the upload again.")
    with hub.scratch.folder() as folder:
        file, size = folder / "object", 0
        with file.open("wb") as target:
            for number in numbers:
                size += _append(hub, _part(wanted, number), target)
        files.receive(hub, repository, file, wanted, size)
    hub.staging.delete(f"uploads/{wanted.upload}")
    return {}


@router.post(FILES[0] + ".git/info/lfs/verify")
@router.post(FILES[1] + ".git/info/lfs/verify")
def verify(body: Object, repository: Readable, hub: Hub, caller: Caller) -> dict[str, Any]:
    """Whether an object arrived."""
    caller.check_part(repository)
    if files.granted(hub, repository, [body.oid]).get(body.oid) != body.size:
        raise MissingBytes(f"{body.oid} of {body.size:,} bytes is not here", "Send it again.")
    return {}


def _read(hub: Services, text: str) -> tuple[UploadTicket, Repository]:
    """A ticket that is still good, and the repository that it is for."""
    ticket = hub.tickets.read(UploadTicket, text)
    return ticket, pushes.check_ticket(hub, ticket)


def _actions(
    hub: Hub, repository: Repository, caller: Principal, endpoint: str, wanted: Object, multipart: bool
) -> dict[str, Any]:
    """Where to send an object that is not here; it must not have the key where there is nothing to do."""
    if wanted.size > hub.settings.max_file_bytes:
        reason = f"a file has at most {hub.settings.max_file_bytes:,} bytes here"
        return {"error": {"code": 413, "message": reason}}
    parts = math.ceil(wanted.size / PART_BYTES) if multipart and wanted.size > PART_BYTES else 0
    if parts > MAX_PARTS:
        return {"error": {"code": 413, "message": f"an upload has at most {MAX_PARTS:,} parts"}}
    upload = uuid.uuid4().hex if parts else ""
    whose = (repository.kind, repository.name, caller.name, caller.token)
    ticket = UploadTicket(*whose, wanted.oid, wanted.size, parts, upload)
    href = f"{endpoint}/_lfs/{hub.tickets.sign(ticket)}"
    header = {str(number): f"{href}/{number}" for number in range(1, parts + 1)}
    prefix = "datasets/" if repository.kind == "dataset" else ""
    verification = f"{endpoint}/{prefix}{repository.name}.git/info/lfs/verify"
    to = {"href": href} | ({"header": {"chunk_size": str(PART_BYTES), **header}} if parts else {})
    return {"actions": {"upload": to, "verify": {"href": verification}}}


def _part(wanted: UploadTicket, number: int) -> str:
    return f"uploads/{wanted.upload}/{number:05d}"


def _append(hub: Services, key: str, target: BinaryIO) -> int:
    try:
        with hub.staging.open(key) as part:
            shutil.copyfileobj(part, target, files.CHUNK)
            return part.tell()
    except FileNotFoundError as error:
        raise MissingBytes("a part of the upload is not here", "Begin the upload again.") from error
