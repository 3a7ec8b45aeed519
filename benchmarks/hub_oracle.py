"""Searching by looking at every repository: slow, obvious, and what the index's answers are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.hub_fill import Made
from registry.finding import AdapterQuery
from registry.index.search import RepositoryQuery


def repositories(made: Sequence[Made], query: RepositoryQuery) -> list[str]:
    """The names of the repositories that a query wants, in its order."""
    wanted = {tag.lower() for tag in query.tags}
    found = [
        one
        for one in made
        if _seen(one, query.visible)
        and all(word.lower() in one.name.lower() for word in query.search)
        and query.author in (None, one.name.partition("/")[0])
        and wanted <= one.tags
    ]
    return _sorted(found, query.sort, None)


def adapters(made: Sequence[Made], query: AdapterQuery, visible: frozenset[str] | None = frozenset()) -> list[str]:
    """The names of the adapters that a query wants, in its order."""
    return _sorted([one for one in made if _seen(one, visible) and _fits(one, query)], query.sort, query.metric)


def _fits(one: Made, query: AdapterQuery) -> bool:
    facts = one.facts
    known = {label.lower() for label in facts.labels}
    value = facts.metrics.get(query.metric or "")
    return (
        (query.search or "").lower() in one.name.lower()
        and query.author in (None, one.name.partition("/")[0])
        and query.base in (None, facts.base)
        and (query.fingerprint in (None, facts.fingerprint) or (query.unverified and facts.fingerprint is None))
        and query.task in (None, facts.task)
        and query.method in (None, facts.method)
        and query.licence in (None, facts.licence)
        and (query.min_rank is None or (facts.rank is not None and facts.rank >= query.min_rank))
        and (query.max_rank is None or (facts.rank is not None and facts.rank <= query.max_rank))
        and {label.lower() for label in query.labels} <= known
        and (query.language is None or query.language in facts.languages)
        and (query.metric is None or value is not None)
        and (query.min_value is None or (value is not None and value >= query.min_value))
        and query.status in ("any", one.status)
    )


def _seen(one: Made, visible: object) -> bool:
    namespaces = visible if isinstance(visible, frozenset) else frozenset()
    return visible is None or not one.private or one.name.partition("/")[0] in namespaces


def _sorted(found: Sequence[Made], sort: str, metric: str | None) -> list[str]:
    keys = {
        "lastModified": lambda one: one.updated,
        "createdAt": lambda one: one.created,
        "downloads": lambda one: one.downloads,
        "likes": lambda one: one.likes,
        "metric": lambda one: one.facts.metrics[metric or ""],
    }
    ordered = sorted(found, key=lambda one: (keys[sort](one), one.id), reverse=True)
    return [one.name for one in ordered]
