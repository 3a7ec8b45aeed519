"""What a search can ask of a repository: each condition as SQL that is put around the id of any statement's row.

A condition is checked for one id by a probe of an index. Those that an index can list begin a search where they are
rare; see ``registry.index.plan``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, exists, func, literal, or_, select

from registry.finding import AdapterQuery
from registry.index.tables import AdapterRow, MetricRow, NamePartRow, RepositoryRow, TagRow
from registry.index.tags import key, parts

MAX_PARTS = 12  # of a word that is searched: counting more of them would tell little

# Tables and not the classes of their rows: statements of these are put together several times as fast.
REPOSITORIES = RepositoryRow.__table__
ADAPTERS = AdapterRow.__table__
METRICS = MetricRow.__table__
NAME_PARTS = NamePartRow.__table__
TAGS = TagRow.__table__

Id = SQLColumnExpression[int]
Ids = Select[int]


@dataclass(frozen=True)
class Condition:
    """Rows of another table that a repository must have.

    Attributes:
        owner: the column of that table that names the repository.
        clauses: what the row must be.
        sources: the ids of all that may fit, each from an index.
    """

    owner: Id
    clauses: Sequence[ColumnElement[bool]]
    sources: Sequence[Ids] = ()

    def probe(self, id: Id) -> ColumnElement[bool]:
        """As a question that the database asks of one row after the other, and only of those that it comes to."""
        found = select(literal(1)).where(self.owner == id, *self.clauses).scalar_subquery()
        return func.coalesce(found, 0) == 1  # an unknown would not end an AND

    def joined(self, id: Id) -> ColumnElement[bool]:
        """As a question that the database may answer for all rows at once."""
        return exists().where(self.owner == id, *self.clauses)


@dataclass(frozen=True)
class OfRepository:
    """What the repository's own row must be.

    Attributes:
        visible: the namespaces whose private repositories count too; None for all.
    """

    kind: str
    visible: Collection[str] | None = ()
    search: Sequence[str] = ()
    author: str | None = None
    gated: bool | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """What the row must be, apart from its kind."""
        row = REPOSITORIES.c
        found = [row.deleted.is_(None), *self.named()]
        if self.visible is not None:
            found.append(or_(row.private.is_(False), row.namespace.in_(sorted(self.visible))))
        if self.author is not None:
            found.append(row.namespace == self.author.lower())
        if self.gated is not None:
            found.append(row.gated != "" if self.gated else row.gated == "")
        return found

    def named(self) -> list[ColumnElement[bool]]:
        """What its name must hold."""
        return [REPOSITORIES.c.key.contains(word.lower(), autoescape=True) for word in self.search if word]

    def sources(self) -> list[Ids]:
        """The ids of all that may fit, each from an index."""
        found = [
            select(NAME_PARTS.c.repository_id).where(NAME_PARTS.c.part == part)
            for word in self.search
            for part in sorted(parts(word.lower()))[:MAX_PARTS]
        ]
        if self.author is not None:
            found.append(select(REPOSITORIES.c.id).where(REPOSITORIES.c.namespace == self.author.lower()))
        return found


def tagged(tag: str) -> Condition:
    """A tag, in whatever case."""
    row = TAGS.alias().c
    fits = row.tag == key(tag)
    return Condition(row.repository_id, [fits], [select(row.repository_id).where(fits)])


def metric(name: str, least: float | None) -> Condition:
    """A figure that is stated, and is `least` or more."""
    row = METRICS.alias().c
    clauses = [row.name == name, *([row.value >= least] if least is not None else [])]
    return Condition(row.repository_id, clauses, [select(row.repository_id).where(*clauses)])


def of_adapter(query: AdapterQuery) -> list[Condition]:
    """All that a query asks of the newest version."""
    row = ADAPTERS.alias().c
    listed = [
        (row.base, query.base),
        (row.task, query.task),
        (row.fingerprint, None if query.unverified else query.fingerprint),
    ]
    indexed = [column == value for column, value in listed if value is not None]
    clauses = [column == value for column, value in ((row.method, query.method), (row.licence, query.licence)) if value]
    if query.fingerprint is not None and query.unverified:
        clauses.append(or_(row.fingerprint == query.fingerprint, row.fingerprint.is_(None)))
    if query.min_rank is not None:
        clauses.append(row.rank >= query.min_rank)
    if query.max_rank is not None:
        clauses.append(row.rank <= query.max_rank)
    if query.status != "any":
        clauses.append(row.status == query.status)
    rarely = [row.status == query.status] if query.status in ("yanked", "revoked") else []
    sources = [select(row.repository_id).where(clause) for clause in [*indexed, *rarely]]
    found = [Condition(row.repository_id, [*indexed, *clauses], sources)]
    found += [tagged(f"label:{label}") for label in query.labels]
    if query.language is not None:
        found.append(tagged(f"language:{query.language}"))
    if query.metric is not None:
        found.append(metric(query.metric, query.min_value))
    return found
