"""What the index finds is what looking at every repository finds, whichever way it goes, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import hub_fill, hub_oracle
from registry.finding import AdapterQuery
from registry.index import Database
from registry.index.plan import Bounds, Place
from registry.index.search import Page, RepositoryQuery, Search

COUNT = 200
MADE = list(hub_fill.adapters(COUNT))
# Each makes another of the three ways the usual one.
WAYS = {
    "as they are": Bounds(),
    "walk": Bounds(rare=0, stride=3, walk=10 * COUNT),
    "give the walk up": Bounds(rare=0, stride=2, walk=4),
    "rare": Bounds(rare=COUNT),
}
T = TypeVar("T")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("hub")
    found = Database.at(f"sqlite:///{folder}/index.sqlite")
    found.migrate()
    hub_fill.fill(found, folder, MADE)
    return found


def pages(ask: Callable[[Place | None], Page[T]]) -> list[T]:
    page = ask(None)
    found = [*page.items]
    while page.after:
        page = ask(page.after)
        found += page.items
    return found


def some(values: list[T]) -> st.SearchStrategy[T | None]:
    return st.none() | st.sampled_from(sorted(set(values)))  # type: ignore[type-var]


NAMES = [one.name for one in MADE]
PARTS = st.builds(
    lambda name, start, length: name[start : start + length].swapcase(),
    st.sampled_from(NAMES),
    st.integers(0, 12),
    st.integers(1, 9),
)
VISIBLE = st.none() | st.frozensets(st.sampled_from([name.partition("/")[0] for name in NAMES]), max_size=3)
QUERIES = st.builds(
    AdapterQuery,
    search=st.none() | PARTS | st.sampled_from(["%", "_", "zzz", ""]),
    author=some([name.partition("/")[0] for name in NAMES]),
    base=some([one.facts.base for one in MADE[:40]]),
    fingerprint=some([one.facts.fingerprint for one in MADE[:40] if one.facts.fingerprint]),
    unverified=st.booleans(),
    task=some(hub_fill.TASKS),
    method=some(hub_fill.METHODS),
    min_rank=st.none() | st.integers(0, 70),
    max_rank=st.none() | st.integers(0, 70),
    labels=st.lists(st.sampled_from([label for one in MADE[:40] for label in one.facts.labels]), max_size=2),
    language=some(hub_fill.LANGUAGES),
    licence=some(hub_fill.LICENCES),
    metric=st.just("f1"),
    min_value=st.none() | st.floats(0, 1),
    status=st.sampled_from(["active", "active", "yanked", "any"]),
    sort=st.sampled_from(["lastModified", "createdAt", "downloads", "likes", "metric"]),
)
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.mark.parametrize("way", WAYS)
@quick
@given(asked=QUERIES, kept=st.sets(st.integers(0, 14), max_size=4), visible=VISIBLE, size=st.sampled_from([7, 60, 250]))
def test_adapters_are_those_that_fit(
    database: Database, way: str, asked: AdapterQuery, kept: set[int], visible: frozenset[str] | None, size: int
) -> None:
    """Of the filters that were drawn only a few are kept, so that most queries find something."""
    names = ("search", "author", "base", "fingerprint", "task", "method", "min_rank", "max_rank", "labels", "language")
    names += ("licence", "min_value", "status", "unverified")
    filters = {name: getattr(asked, name) for place, name in enumerate(names) if place in kept}
    query = AdapterQuery(
        **filters, metric="f1" if asked.sort == "metric" or "min_value" in filters else None, sort=asked.sort
    )
    search = Search(database, WAYS[way])
    found = pages(lambda after: search.adapters(query, after, size, visible))
    assert [one.repository for one in found] == hub_oracle.adapters(MADE, query, visible)


@pytest.mark.parametrize("way", WAYS)
@quick
@given(
    words=st.lists(PARTS, max_size=2),
    author=some([name.partition("/")[0] for name in NAMES]),
    tags=st.lists(st.sampled_from([tag.upper() for one in MADE[:30] for tag in sorted(one.tags)]), max_size=3),
    sort=st.sampled_from(["lastModified", "createdAt", "downloads", "likes"]),
    visible=VISIBLE,
    size=st.sampled_from([7, 60, 250]),
)
def test_repositories_are_those_that_fit(
    database: Database,
    way: str,
    words: list[str],
    author: str | None,
    tags: list[str],
    sort: str,
    visible: frozenset[str] | None,
    size: int,
) -> None:
    query = RepositoryQuery("model", words, author, tags, None, sort, visible)
    search = Search(database, WAYS[way])
    found = pages(lambda after: search.repositories(query, after, size))
    assert [one.repository.name for one in found] == hub_oracle.repositories(MADE, query)


def test_the_oracle_tells_queries_apart() -> None:
    everything = hub_oracle.adapters(MADE, AdapterQuery(status="any"), None)
    assert len(everything) == COUNT
    assert 0 < len(hub_oracle.adapters(MADE, AdapterQuery(task=hub_fill.TASKS[0]))) < COUNT


def test_what_is_found_says_what_its_newest_version_says(database: Database) -> None:
    wanted = next(one for one in MADE if one.facts.metrics and not one.private and one.status == "active")
    (found,) = Search(database).adapters(AdapterQuery(search=wanted.name)).items
    assert (found.facts, found.version, found.status) == (wanted.facts, "1.0.0", "active")
    assert (found.downloads, found.likes, found.updated) == (wanted.downloads, wanted.likes, wanted.updated)


def test_a_data_set_is_no_model(database: Database) -> None:
    assert Search(database).repositories(RepositoryQuery("dataset")).items == []
