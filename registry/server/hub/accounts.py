"""What is told of users and organisations: to anybody, as on the Hub, and never an address of mail."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.errors import AccountNotFound, InvalidReference
from registry.index.accounts import ORGANISATION, USER, Account
from registry.selector import check_namespace
from registry.server.principal import READ
from registry.server.wire.context import Caller, Hub
from registry.server.wire.times import stamp

router = APIRouter()


@router.get("/api/users/{user:segment}/overview")
def user_overview(hub: Hub, caller: Caller, user: str) -> dict[str, Any]:
    """A user, the organisations that they are in, and how many repositories of theirs the caller sees."""
    found = _find(hub, user, USER)
    orgs = [_organisation(one.account) for one in hub.members.organisations(found.name)]
    return _user(found) | _counts(hub, caller, found) | {"orgs": orgs, "createdAt": stamp(found.created)}


@router.get("/api/organizations/{organisation:segment}/overview")
def organisation_overview(hub: Hub, caller: Caller, organisation: str) -> dict[str, Any]:
    """An organisation, how many members it has, and how many repositories of its the caller sees."""
    found = _find(hub, organisation, ORGANISATION)
    return (
        _organisation(found)
        | _counts(hub, caller, found)
        | {"numUsers": len(hub.members.of(found.name)), "numSpaces": 0, "isVerified": False}
    )


@router.get("/api/organizations/{organisation:segment}/members")
def members(hub: Hub, organisation: str) -> list[dict[str, Any]]:
    """The members of an organisation, all on one page."""
    return [
        _user(one.account) | {"role": one.role} for one in hub.members.of(_find(hub, organisation, ORGANISATION).name)
    ]


def _find(hub: Hub, name: str, kind: str) -> Account:
    try:
        found = hub.accounts.find(check_namespace(name), kind)
    except InvalidReference as error:
        raise AccountNotFound(f"there is no {kind} {name}", error.hint) from error
    if found.disabled:
        raise AccountNotFound(f"there is no {kind} {name}", "Check the name.")
    return found


def _user(one: Account) -> dict[str, Any]:
    return {"type": "user", "user": one.name, "fullname": one.fullname or one.name, "avatarUrl": "", "isPro": False}


def _organisation(one: Account) -> dict[str, Any]:
    return {"type": "org", "name": one.name, "fullname": one.fullname or one.name, "avatarUrl": ""}


def _counts(hub: Hub, caller: Caller, one: Account) -> dict[str, int]:
    count = hub.accounts.count_repositories(one.name, private=caller.may(READ, one.name))
    return {"numModels": count["model"], "numDatasets": count["dataset"]}
