"""Finding repositories and adapters: a page at a time, from the facts that ``registry.index.facts`` keeps.

Knows no permissions: whoever asks says whose private repositories count.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.finding import AdapterFacts, AdapterFound, AdapterQuery
from registry.index import plan, rows
from registry.index.conditions import ADAPTERS, REPOSITORIES, OfRepository, of_adapter, tagged
from registry.index.database import Database
from registry.index.facts import facts_of
from registry.index.plan import Asked, Bounds, Place
from registry.index.repositories import Repository
from registry.index.tables import RefRow, RepositoryRow, TagRow, TreeEntryRow, VersionRow
from registry.selector import MAIN

T = TypeVar("T")
VERSIONS = VersionRow.__table__

DEFAULT = Bounds()
MOST_TAGS = 5000
TAGS_SECONDS = 300.0
MAX_PAGE = 1000  # repositories; the Hub's own


@dataclass(frozen=True)
class RepositoryQuery:
    """Which repositories are wanted; all must hold.

    Attributes:
        search: parts of the id.
        tags: all of them must be among the repository's.
        sort: a key of ``plan.COLUMNS``; always the largest, or latest, first.
        visible: the namespaces whose private repositories count too, in lower case; None for all.
    """

    kind: str = rows.MODEL
    search: Sequence[str] = ()
    author: str | None = None
    tags: Sequence[str] = ()
    gated: bool | None = None
    sort: str = "lastModified"
    visible: Collection[str] | None = ()


@dataclass(frozen=True)
class Listed:
    """A repository that was found; `adapter` are the facts of its newest version, if it has one."""

    repository: Repository
    adapter: AdapterFacts | None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of what was found, and where to go on; None where that is all."""

    items: Sequence[T]
    after: Place | None


class Search:
    """All that can be found in a database."""

    def __init__(self, database: Database, bounds: Bounds = DEFAULT) -> None:
        self._database, self._bounds = database, bounds
        self._tags: dict[str, tuple[Sequence[str], float | None]] = {}
        self._reading_tags = threading.Lock()

    def repositories(self, query: RepositoryQuery, after: Place | None = None, limit: int = 100) -> Page[Listed]:
        """A page of the repositories that are wanted."""
        own = OfRepository(query.kind, query.visible, query.search, query.author, query.gated)
        asked = Asked(own, [tagged(tag) for tag in dict.fromkeys(query.tags)], query.sort)
        with self._database.read() as session:
            places, more = self._places(session, asked, after, limit)
            found = _repositories(session, places)
            adapters = facts_of(session, list(found))
            return Page([Listed(one, adapters.get(id)) for id, one in found.items()], more)

    def adapters(
        self,
        query: AdapterQuery,
        after: Place | None = None,
        limit: int = 100,
        visible: Collection[str] | None = None,
    ) -> Page[AdapterFound]:
        """A page of the adapters that are wanted."""
        own = OfRepository(rows.MODEL, visible, [query.search or ""], query.author)
        asked = Asked(own, of_adapter(query), None if query.sort == "metric" else query.sort, query.metric)
        with self._database.read() as session:
            places, more = self._places(session, asked, after, limit)
            return Page(_adapters(session, _repositories(session, places)), more)

    def first(self, query: AdapterQuery, limit: int) -> Sequence[AdapterFound]:
        """The first `limit` adapters that are wanted, private ones among them."""
        page = self.adapters(query, None, min(limit, MAX_PAGE))
        found = [*page.items]
        while page.after and len(found) < limit:
            page = self.adapters(query, page.after, min(limit - len(found), MAX_PAGE))
            found += page.items
        return found

    def _places(
        self, session: Session, asked: Asked, after: Place | None, limit: int
    ) -> tuple[Sequence[Place], Place | None]:
        found = plan.page(session, asked, after, limit + 1, self._bounds)
        return found[:limit], found[limit - 1] if len(found) > limit else None

    def adapter(self, repository: Repository) -> AdapterFacts | None:
        """The facts of a repository's newest version, if it has one."""
        with self._database.read() as session:
            return facts_of(session, [repository.id]).get(repository.id)

    def heads(self, repositories: Sequence[Repository]) -> Mapping[int, str]:
        """The commits of their main branches, by the repository's id."""
        wanted = [one.id for one in repositories]
        query = select(RefRow.repository_id, RefRow.commit).where(
            RefRow.repository_id.in_(wanted), RefRow.kind == rows.BRANCH, RefRow.name == MAIN
        )
        with self._database.read() as session:
            return {id: commit for id, commit in session.execute(query)}

    def paths(self, commits: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The paths of the files of commits, in order."""
        query = select(TreeEntryRow.commit, TreeEntryRow.path).where(TreeEntryRow.commit.in_(commits))
        found: dict[str, list[str]] = {}
        with self._database.read() as session:
            for commit, path in session.execute(query.order_by(TreeEntryRow.path)):
                found.setdefault(commit, []).append(path)
        return found

    def tags(self, kind: str) -> Sequence[str]:
        """The most frequent tags of public repositories. All are read for it, so the answer is kept for a while."""
        with self._reading_tags:
            kept, since = self._tags.get(kind, ((), None))
            if since is not None and time.monotonic() - since < TAGS_SECONDS:
                return kept
            query = (
                select(TagRow.tag)
                .join(RepositoryRow, RepositoryRow.id == TagRow.repository_id)
                .where(RepositoryRow.kind == kind, RepositoryRow.deleted.is_(None), RepositoryRow.private.is_(False))
                .group_by(TagRow.tag)
                .order_by(func.count().desc(), TagRow.tag)
            )
            with self._database.read() as session:
                found = session.scalars(query.limit(MOST_TAGS)).all()
            self._tags[kind] = found, time.monotonic()
            return found


def _repositories(session: Session, places: Sequence[Place]) -> dict[int, Repository]:
    """The repositories of a page, in its order."""
    wanted = [id for _, id in places]
    columns = [REPOSITORIES.c[one.name] for one in fields(Repository)]
    read = session.execute(select(*columns).where(REPOSITORIES.c.id.in_(wanted)))
    found = {row.id: Repository(*row) for row in read}
    return {id: found[id] for id in wanted if id in found}


def _adapters(session: Session, found: Mapping[int, Repository]) -> list[AdapterFound]:
    facts = facts_of(session, list(found))
    columns = (ADAPTERS.c.repository_id, VERSIONS.c.number, VERSIONS.c.digest, VERSIONS.c.status)
    query = select(*columns).join(VERSIONS, VERSIONS.c.id == ADAPTERS.c.version_id)
    versions = {row[0]: row[1:] for row in session.execute(query.where(ADAPTERS.c.repository_id.in_(list(found))))}
    return [
        AdapterFound(
            one.name,
            *versions[id],
            facts[id],
            one.downloads,
            one.likes,
            one.created,
            one.updated,
            one.private,
        )
        for id, one in found.items()
        if id in facts and id in versions
    ]
