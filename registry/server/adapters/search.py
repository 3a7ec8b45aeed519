"""Finding adapters by all that their newest version says: base, task, method, labels, figures, any of them combined."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.finding import MAX_LABELS, MAX_TEXT, AdapterFound, AdapterQuery, Sort, StatusFilter
from registry.server.adapters.context import refusals
from registry.server.wire.context import Caller, Endpoint, Hub
from registry.server.wire.cursors import read_cursor, write_cursor
from registry.server.wire.pages import next_page

router = APIRouter(tags=["adapters"])
MAX_LIMIT = 100
FINGERPRINT = r"^sha256:[0-9a-f]{64}$"
EXAMPLE: Mapping[str, Any] = {
    "adapters": [
        {
            "repository": "acme/intent",
            "version": "1.4.0",
            "digest": "sha256:" + "0f" * 32,
            "status": "active",
            "base": "sentence-transformers/all-MiniLM-L6-v2",
            "base_fingerprint": "sha256:" + "a1" * 32,
            "task": "text-classification",
            "method": "lora",
            "rank": 8,
            "labels": ["card", "loan"],
            "languages": ["en"],
            "licence": "apache-2.0",
            "metrics": {"accuracy": 0.93, "f1": 0.92},
            "size": 740_312,
            "downloads": 120,
            "likes": 3,
            "private": False,
            "created": "2026-01-31T12:00:00Z",
            "updated": "2026-02-01T08:30:00Z",
        }
    ],
    "cursor": None,
}
Text = Annotated[str | None, Query(max_length=MAX_TEXT)]


class AdapterOut(BaseModel):
    """An adapter: its repository, and what its newest version says of itself.

    The newest version is what a bare name means; where nothing can be chosen without naming it, the highest.
    """

    repository: str
    version: str
    digest: str
    status: str
    base: str
    base_fingerprint: str | None = Field(description="null: nobody compared the base with these weights")
    task: str
    method: str
    rank: int | None
    labels: list[str]
    languages: list[str]
    licence: str
    metrics: dict[str, float] = Field(description="figures after training, on the test data")
    size: int = Field(description="bytes of all files")
    downloads: int
    likes: int
    private: bool
    created: datetime
    updated: datetime

    @classmethod
    def of(cls, found: AdapterFound) -> AdapterOut:
        """Of what the index found."""
        facts = found.facts
        return cls(
            repository=found.repository,
            version=found.version,
            digest=found.digest,
            status=found.status,
            base=facts.base,
            base_fingerprint=facts.fingerprint,
            task=facts.task,
            method=facts.method,
            rank=facts.rank,
            labels=list(facts.labels),
            languages=list(facts.languages),
            licence=facts.licence,
            metrics=dict(facts.metrics),
            size=facts.size,
            downloads=found.downloads,
            likes=found.likes,
            private=found.private,
            created=found.created,
            updated=found.updated,
        )


class AdaptersOut(BaseModel):
    """A page of adapters. `cursor` asks for the next one; it is null on the last."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(EXAMPLE)]})
    adapters: list[AdapterOut]
    cursor: str | None


@router.get("/api/adapters", response_model=AdaptersOut, responses=refusals(), summary="Find adapters")
def adapters(
    request: Request,
    hub: Hub,
    caller: Caller,
    endpoint: Endpoint,
    search: Annotated[str | None, Query(max_length=MAX_TEXT, description="part of the repository's id")] = None,
    author: Text = None,
    base: Annotated[str | None, Query(max_length=MAX_TEXT, description="Hub id of the base, as it is written")] = None,
    fingerprint: Annotated[
        str | None, Query(pattern=FINGERPRINT, description="of the base: adapters proven to fit these very weights")
    ] = None,
    unverified: Annotated[
        bool, Query(description="with a fingerprint, also adapters whose base nobody compared")
    ] = False,
    task: Text = None,
    method: Text = None,
    min_rank: Annotated[int | None, Query(ge=0, lt=1 << 31)] = None,
    max_rank: Annotated[int | None, Query(ge=0, lt=1 << 31)] = None,
    label: Annotated[
        list[str] | None, Query(max_length=MAX_LABELS, description="repeated: all of them must be there")
    ] = None,
    language: Text = None,
    licence: Text = None,
    metric: Annotated[str | None, Query(max_length=MAX_TEXT, description="name of a figure, such as f1")] = None,
    min_value: Annotated[
        float | None, Query(allow_inf_nan=False, description="the least that the metric may be")
    ] = None,
    status: StatusFilter = "active",
    sort: Annotated[Sort, Query(description="the largest, or latest, first")] = "lastModified",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 20,
    cursor: Annotated[str, Query(description="of the page before; the other parameters must stay the same")] = "",
) -> Response:
    """All filters that are given must hold for the adapter's newest version; only what the caller may see is found."""
    query = AdapterQuery(
        search=search,
        author=author,
        base=base,
        fingerprint=fingerprint,
        unverified=unverified,
        task=task,
        method=method,
        min_rank=min_rank,
        max_rank=max_rank,
        labels=tuple(label or ()),
        language=language,
        licence=licence,
        metric=metric,
        min_value=min_value,
        status=status,
        sort=sort,
    )
    page = hub.search.adapters(query, read_cursor(sort, cursor), limit, caller.readable())
    following = write_cursor(sort, page.after) if page.after else None
    found = AdaptersOut(adapters=[AdapterOut.of(one) for one in page.items], cursor=following)
    answer = Response(found.model_dump_json(), media_type="application/json")
    if following:
        answer.headers["Link"] = next_page(request, endpoint, cursor=following)
    return answer
