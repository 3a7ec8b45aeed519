"""Discussions and pull requests, as Hub clients list, open, answer, close and merge them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query
from pydantic import AfterValidator, BaseModel, StringConstraints

from registry.errors import DiscussionNotFound, NotAuthenticated, NotPermitted
from registry.index import discussions
from registry.index.discussions import Discussion, Event
from registry.index.repositories import Repository
from registry.server.hub.diff import unified
from registry.server.principal import WRITE, Principal
from registry.server.wire.context import Caller, Hub, Readable, Writable
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()
ONE = REPOSITORY + "/discussions/{number}"
PAGE = 50
MAX_PAGE = 1_000_000
# What the Hub's filters name; merged and draft are chosen by the client, of all.
STATUSES = {"open": (discussions.OPEN, discussions.DRAFT), "closed": (discussions.CLOSED, discussions.MERGED)}
HIDDEN = "This comment has been hidden"
EVENT_ID = re.compile(r"0{8}([0-9a-f]{16})")


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a zero character")
    return text


Number = Annotated[int, Path(ge=1, lt=1 << 31)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=65_536), AfterValidator(_storable)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)
]
SomeText = Annotated[Text, StringConstraints(min_length=1)]


class New(BaseModel):
    """A discussion or pull request to open."""

    title: Title
    description: Text = ""
    pullRequest: bool = False


class Comment(BaseModel):
    """A comment."""

    comment: SomeText


class Content(BaseModel):
    """What a comment is to say."""

    content: SomeText


class NewTitle(BaseModel):
    """A title."""

    title: Title


class Status(BaseModel):
    """A status, and a comment on it."""

    status: Literal["open", "closed", "draft"]
    comment: Text = ""


class Merge(BaseModel):
    """A comment on the merge."""

    comment: Text = ""


@router.get(REPOSITORY + "/discussions")
def page(
    hub: Hub,
    repository: Readable,
    p: Annotated[int, Query(ge=0, le=MAX_PAGE)] = 0,
    which: Annotated[Literal["all", "discussion", "pull_request"], Query(alias="type")] = "all",
    status: Literal["all", "open", "closed"] = "all",
    author: Annotated[str | None, AfterValidator(lambda text: text and _storable(text))] = None,
) -> dict[str, Any]:
    """A page of the list, the newest first."""
    count, found = hub.discussions.page(
        repository,
        p * PAGE,
        PAGE,
        statuses=STATUSES.get(status, ()),
        pull_requests=None if which == "all" else which == "pull_request",
        author=author,
    )
    return {"discussions": [_summary(repository, one) for one in found], "count": count, "start": p * PAGE}


@router.post(REPOSITORY + "/discussions")
def create(body: New, hub: Hub, repository: Readable, caller: Caller) -> dict[str, Any]:
    """Open one; a pull request begins as a draft without commits."""
    caller.check_part(repository)
    add = hub.pulls.open if body.pullRequest else hub.discussions.open
    opened = add(repository, body.title, body.description, caller.name)
    return {"num": opened.number, "pullRequest": opened.is_pull_request}


@router.get(ONE)
def details(hub: Hub, repository: Readable, caller: Caller, number: Number, diff: bool = False) -> dict[str, Any]:
    """One with all that happened in it, and of a pull request what it changes: its lines, for who may read files.

    Clients ask for these always, so who may not gets all the rest.
    """
    found = hub.discussions.find(repository, number)
    events = [_event(one) for one in hub.discussions.events(repository, number)]
    about = _summary(repository, found) | {"events": events}
    if not found.is_pull_request:
        return about
    sides = hub.pulls.sides(repository, number)
    changes = {"base": f"refs/heads/{found.base}"} | ({"mergeCommitId": found.merged} if found.merged else {})
    about |= {"changes": changes, "filesWithConflicts": list(sides.conflicts) or False}
    shown = diff and caller.downloads(repository, hub.access.is_accepted)
    return about | ({"diff": unified(hub, sides.start, sides.head)} if shown else {})


@router.post(ONE + "/comment")
def comment(body: Comment, hub: Hub, repository: Readable, caller: Caller, number: Number) -> dict[str, Any]:
    """Add a comment."""
    caller.check_part(repository)
    return {"newMessage": _event(hub.discussions.comment(repository, number, body.comment, caller.name))}


@router.post(ONE + "/comment/{event}/edit")
def edit(body: Content, hub: Hub, repository: Readable, caller: Caller, number: Number, event: str) -> dict[str, Any]:
    """Change a comment of one's own."""
    caller.check_part(repository)
    found = _find(hub.discussions.events(repository, number), event)
    if found.author != caller.user:
        raise NotPermitted("this comment is somebody else's", "Write one of your own.")
    edited = hub.discussions.edit(repository, number, found.id, body.content, caller.name)
    return {"updatedComment": _event(edited)}


@router.post(ONE + "/comment/{event}/hide")
def hide(hub: Hub, repository: Readable, caller: Caller, number: Number, event: str) -> dict[str, Any]:
    """Take away what a comment says, for good."""
    found = _find(hub.discussions.events(repository, number), event)
    _check_own(caller, repository, found.author)
    return {"updatedComment": _event(hub.discussions.hide(repository, number, found.id, caller.name))}


@router.post(ONE + "/title")
def rename(body: NewTitle, hub: Hub, repository: Readable, caller: Caller, number: Number) -> dict[str, Any]:
    """Give it another title."""
    _check_own(caller, repository, hub.discussions.find(repository, number).author)
    return {"newTitle": _event(hub.discussions.rename(repository, number, body.title, caller.name))}


@router.post(ONE + "/status")
def set_status(body: Status, hub: Hub, repository: Readable, caller: Caller, number: Number) -> dict[str, Any]:
    """Open or close it."""
    _check_own(caller, repository, hub.discussions.find(repository, number).author)
    changed = hub.discussions.set_status(repository, number, body.status, caller.name, body.comment)
    return {"newStatus": _event(changed)}


@router.post(ONE + "/merge")
def merge(
    hub: Hub, repository: Writable, caller: Caller, number: Number, body: Annotated[Merge | None, Body()] = None
) -> dict[str, Any]:
    """Put what a pull request changed on top of its base."""
    oid = hub.pulls.merge(repository, number, caller.name, body.comment if body else "")
    return {"mergeCommitId": oid}


def _check_own(caller: Principal, repository: Repository, author: str) -> None:
    """Refuse who is not the author, and may not write to the repository either."""
    if caller.user is None:
        raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
    if caller.user == author:
        caller.check_part(repository)
    else:
        caller.check(WRITE, repository)


def _find(events: Sequence[Event], text: str) -> Event:
    known = EVENT_ID.fullmatch(text)
    wanted = int(known[1], 16) if known else 0
    for one in events:
        if one.id == wanted and one.kind == discussions.COMMENT:
            return one
    raise DiscussionNotFound("there is no such comment", "See the list of its events.")


def _summary(repository: Repository, one: Discussion) -> dict[str, Any]:
    return {
        "num": one.number,
        "title": one.title,
        "author": {"name": one.author},
        "createdAt": stamp(one.created),
        "status": one.status,
        "isPullRequest": one.is_pull_request,
        "repo": {"name": repository.name, "type": repository.kind},
    }


def _event(one: Event) -> dict[str, Any]:
    """As the Hub sends it: its ids have 24 hex digits."""
    about = {"id": f"{one.id:024x}", "author": {"name": one.author}, "createdAt": stamp(one.created), "type": one.kind}
    return about | {"data": _comment(one) if one.kind == discussions.COMMENT else dict(one.data)}


def _comment(one: Event) -> dict[str, Any]:
    texts = [
        {
            "raw": HIDDEN if one.data["hidden"] else text["text"],
            "html": f"<p>{html.escape(HIDDEN if one.data['hidden'] else text['text'])}</p>",
            "updatedAt": stamp(datetime.fromisoformat(text["time"])),
            "author": {"name": text["author"]},
        }
        for text in one.data["texts"]
    ]
    edits = len(texts) - 1
    return {
        "edited": edits > 0,
        "hidden": one.data["hidden"],
        "latest": texts[-1],
        "numEdits": edits,
        "history": texts[-2::-1] if edits else [],
    }
