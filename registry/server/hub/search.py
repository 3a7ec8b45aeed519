"""Listings of models and data sets, as huggingface_hub asks for them: filters, orders, pages by ``Link``."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from registry.errors import InvalidReference
from registry.finding import check_text
from registry.index.plan import COLUMNS
from registry.index.search import MAX_PAGE, Listed, RepositoryQuery
from registry.server.hub.info import summary
from registry.server.services import Services
from registry.server.wire.context import Caller, Endpoint, Hub
from registry.server.wire.cursors import read_cursor, write_cursor
from registry.server.wire.pages import next_page

router = APIRouter()
PAGE = 100  # repositories, where the client names no limit
MAX_FILTERS = 50
ALWAYS = {"_id", "id", "modelId"}
FILES = {"sha", "siblings"}  # what takes a look at commits
SHORT = ALWAYS | {
    "author",
    "createdAt",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "tags",
}
UNKNOWN = ("apps", "inference", "inference_provider", "num_parameters")  # filters by what this server does not know
Texts = Annotated[list[str] | None, Query()]


@router.get("/api/{kind:kind}")
def listing(
    request: Request,
    hub: Hub,
    caller: Caller,
    endpoint: Endpoint,
    kind: str,
    search: Texts = None,
    author: str | None = None,
    filter: Texts = None,
    pipeline_tag: str | None = None,
    library: Texts = None,
    tags: Texts = None,
    gated: bool | None = None,
    sort: str = "",
    limit: Annotated[int, Query(ge=1)] = PAGE,
    full: bool = False,
    config: bool = False,
    cardData: bool = False,
    expand: Texts = None,
    cursor: str = "",
) -> Response:
    """The repositories that fit all filters and that the caller may see, the largest or latest first.

    Without a `sort` the last modified come first. No trend is kept: trendingScore is the number of likes.
    """
    wanted = [*(filter or ()), *(tags or ()), *(library or ()), *([pipeline_tag] if pipeline_tag else ())]
    order = _order(sort)
    _check(request, [*wanted, *(search or ()), author or ""])
    query = RepositoryQuery(kind, search or (), author or None, wanted, gated, order, caller.readable())
    page = hub.search.repositories(query, read_cursor(order, cursor), min(limit, MAX_PAGE))
    shown = set(expand) | ALWAYS if expand else set(SHORT)
    shown |= (FILES if full else set()) | ({"cardData"} if cardData else set()) | ({"config"} if config else set())
    answer = Response(msgspec.json.encode(_described(hub, page.items, shown)), media_type="application/json")
    if page.after:
        answer.headers["Link"] = next_page(request, endpoint, cursor=write_cursor(order, page.after))
    return answer


def _order(sort: str) -> str:
    order = {"": "lastModified", "trendingScore": "likes"}.get(sort, sort)
    if order not in COLUMNS:
        raise InvalidReference(f"nothing is sorted by {sort[:40]!r}", f"Sort by {', '.join(COLUMNS)}.")
    return order


def _check(request: Request, texts: list[str]) -> None:
    """Refuse filters that cannot be meant, or that could only be ignored.

    Raises:
        InvalidReference: there is one.
    """
    if len(texts) > MAX_FILTERS:
        raise InvalidReference(f"there are {len(texts)} filters", f"Use {MAX_FILTERS} at most.")
    for text in texts:
        check_text("a filter", text)
    if asked := [name for name in UNKNOWN if name in request.query_params]:
        raise InvalidReference(f"this server cannot filter by {asked[0]}", "Leave that filter out.")


def _described(hub: Services, page: Any, shown: set[str]) -> list[dict[str, Any]]:
    """What is shown of each; commits and their files are looked at only where they are."""
    heads = hub.search.heads([one.repository for one in page]) if shown & FILES else {}
    paths = hub.search.paths(list(heads.values())) if "siblings" in shown else {}
    return [_one(listed, heads.get(listed.repository.id), paths, shown) for listed in page]


def _one(listed: Listed, head: str | None, paths: Any, shown: set[str]) -> dict[str, Any]:
    about = summary(listed) | {"disabled": False, "trendingScore": listed.repository.likes}
    if listed.repository.kind == "model":
        base = listed.adapter and {"base_model_name_or_path": listed.adapter.base}
        about["config"] = {"peft": base} if base else {}
    if shown & FILES:
        about |= {"sha": head, "siblings": [{"rfilename": path} for path in paths.get(head, ())]}
    return {name: value for name, value in about.items() if name in shown}
