"""Webhooks of a namespace: made, listed, removed, and the log of what was delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.server.adapters.context import refusals
from registry.server.principal import ADMIN
from registry.server.reach import check_address
from registry.server.wire.context import Caller, Hub

router = APIRouter(prefix="/api/namespaces/{namespace}/webhooks", tags=["webhooks"])
Event = Literal["version.published", "version.yanked", "version.revoked", "alias.moved"]


class NewWebhook(BaseModel):
    """What to tell, and where."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(max_length=2000, examples=["https://app.example.org/adapters"])]
    events: Annotated[list[Event], Field(min_length=1)] = [*get_args(Event)]
    repository: Annotated[str | None, Field(description="owner/name; all of the namespace without it")] = None


class Webhook(BaseModel):
    """A webhook, without its secret."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    namespace: str
    repository: str | None
    url: str
    events: list[str]
    active: bool
    created: datetime


class MadeWebhook(Webhook):
    """A new webhook; its `secret` is shown this once."""

    secret: str


class Delivery(BaseModel):
    """One message and its tries; `due` is null when it was delivered or given up."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    message: str
    event: str
    created: datetime
    attempts: int
    due: datetime | None
    status: int | None
    error: str
    delivered: datetime | None


@router.post("", status_code=201, responses=refusals(403, 404))
def add(namespace: str, body: NewWebhook, hub: Hub, caller: Caller) -> MadeWebhook:
    """Make a webhook; its messages are signed as Standard Webhooks says."""
    caller.require(ADMIN, namespace)
    check_address(body.url, hub.settings.private_webhooks)
    made, secret = hub.webhooks.add(namespace, body.repository, body.url, body.events, caller.name)
    return MadeWebhook(**Webhook.model_validate(made).model_dump(), secret=secret)


@router.get("", responses=refusals(403))
def webhooks(namespace: str, hub: Hub, caller: Caller) -> list[Webhook]:
    """The namespace's webhooks, the oldest first."""
    caller.require(ADMIN, namespace)
    return [Webhook.model_validate(one) for one in hub.webhooks.of(namespace)]


@router.delete("/{number}", status_code=204, responses=refusals(403, 404))
def remove(namespace: str, number: Annotated[int, Field(ge=0, lt=1 << 63)], hub: Hub, caller: Caller) -> Response:
    """Remove a webhook with its log."""
    caller.require(ADMIN, namespace)
    hub.webhooks.remove(namespace, number, caller.name)
    return Response(status_code=204)


@router.get("/{number}/deliveries", responses=refusals(403, 404))
def deliveries(
    namespace: str,
    number: Annotated[int, Field(ge=0, lt=1 << 63)],
    hub: Hub,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None,
) -> list[Delivery]:
    """What was sent, the newest first; `before` is the id of the last one of the page before."""
    caller.require(ADMIN, namespace)
    return [Delivery.model_validate(one) for one in hub.webhooks.deliveries(namespace, number, limit, before)]
