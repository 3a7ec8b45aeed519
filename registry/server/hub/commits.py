"""The commits that led to a revision, a page at a time."""

from __future__ import annotations

import html
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from registry.errors import RevisionNotFound
from registry.index.history import Commit
from registry.server.wire.context import Endpoint, Hub, Readable
from registry.server.wire.pages import next_page
from registry.server.wire.quoting import REPOSITORY
from registry.server.wire.times import stamp

router = APIRouter()
PAGE = 100  # commits


@router.get(REPOSITORY + "/commits/{revision:segment}")
def commits(
    request: Request,
    response: Response,
    hub: Hub,
    repository: Readable,
    endpoint: Endpoint,
    revision: str,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    expand: Annotated[list[str] | None, Query(alias="expand[]")] = None,
) -> list[dict[str, Any]]:
    """Commits by first parents, the newest first; `cursor` is the commit that a page begins with."""
    found = hub.history.revision(repository, cursor or revision)
    if cursor and found.kind is not None:
        raise RevisionNotFound(f"Invalid rev id: {cursor}", "Follow the Link header of the page before.")
    page = hub.history.log(found.commit, limit + 1)
    if len(page) > limit:
        response.headers["Link"] = next_page(request, endpoint, cursor=page[limit].oid)
    formatted = "formatted" in (expand or [])
    return [_described(commit, formatted) for commit in page[:limit]]


def _described(commit: Commit, formatted: bool) -> dict[str, Any]:
    title, message = commit.title, commit.message.partition("\n")[2].strip()
    described: dict[str, Any] = {
        "id": commit.oid,
        "title": title,
        "message": message,
        "date": stamp(commit.created),
        "authors": [{"user": commit.author}],
    }
    if formatted:  # as HTML; there is no markup in it to render
        described["formatted"] = {"title": html.escape(title), "message": html.escape(message)}
    return described
