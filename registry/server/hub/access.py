"""Gated repositories: asking to be let in, and letting in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from registry.errors import AccessNotFound, NotAuthenticated, NotPermitted
from registry.index.access import AccessRequest, Status
from registry.server.principal import READ
from registry.server.wire.context import Caller, Endpoint, Hub, Readable, Writable
from registry.server.wire.pages import next_page
from registry.server.wire.quoting import FILES, REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()
PAGE = 100  # requests


class Decision(BaseModel):
    """What becomes of a request, which is named by its user or by its id."""

    user: str = ""
    requestId: Annotated[str, Field(pattern=r"^\d{0,18}$")] = ""
    status: Status
    rejectionReason: str | None = None


class Grant(BaseModel):
    """Whom to let in."""

    user: str


@router.post(FILES[0] + "/ask-access")
@router.post(FILES[1] + "/ask-access")
def ask(repository: Readable, hub: Hub, caller: Caller) -> dict[str, str]:
    """Ask to be let into a gated repository; an automatic gate opens at once."""
    if caller.user is None:
        raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
    if caller.namespace not in (None, repository.namespace):
        raise NotPermitted(f"this token is for the namespace {caller.namespace!r} only", "Use one for all.")
    if caller.may(READ, repository.namespace):
        return {"status": "accepted"}
    return {"status": hub.access.ask(repository, caller.user)}


@router.get(REPOSITORY + "/user-access-request/{status}")
def requests(
    request: Request,
    response: Response,
    repository: Writable,
    hub: Hub,
    endpoint: Endpoint,
    status: Status,
    cursor: Annotated[int, Field(ge=0, lt=1 << 63)] = 0,
) -> list[dict[str, Any]]:
    """Requests that stand so, a page at a time."""
    found = hub.access.list(repository, status, cursor, PAGE + 1)
    if len(found) > PAGE:
        response.headers["Link"] = next_page(request, endpoint, cursor=str(found[PAGE - 1].id))
    return [_described(one) for one in found[:PAGE]]


@router.post(REPOSITORY + "/user-access-request/handle")
def handle(body: Decision, repository: Writable, hub: Hub, caller: Caller) -> dict[str, Any]:
    """Accept or reject a request, or make it wait again."""
    if not body.user and not body.requestId:
        raise AccessNotFound("no request is named", "Give its user or its requestId.")
    hub.access.decide(
        repository,
        body.status,
        caller.name,
        user=body.user,
        request=int(body.requestId or 0),
        reason=body.rejectionReason or "",
    )
    return {}


@router.post(REPOSITORY + "/user-access-request/grant")
def grant(body: Grant, repository: Writable, hub: Hub, caller: Caller) -> dict[str, Any]:
    """Let in somebody who may not have asked."""
    hub.access.grant(repository, body.user, caller.name)
    return {}


def _described(one: AccessRequest) -> dict[str, Any]:
    return {
        "requestId": str(one.id),
        "status": one.status,
        "timestamp": stamp(one.created),
        "user": {"user": one.user, "fullname": one.fullname or one.user, "email": one.email or None},
    } | ({"rejectionReason": one.reason} if one.reason else {})
