"""How a page of a search is found: in time that does not depend on how many repositories there are, wherever it can.

Three ways, each bounded, so that no query meets a database's guess about texts whose frequencies differ by 10⁵:

1. A condition that an index counts as rare: those few are looked at, and sorted.
2. Otherwise the repositories in the order that is asked for, a stride at a time, as long as those that fit come often
   enough to fill the page within a bound.
3. Otherwise (conditions that are common, but not together) all that fit the rarest condition, else all names.

Every way gives the same answer, which a test compares. Knows no values, only ids and what they are sorted by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, case, func, null, select, true, tuple_
from sqlalchemy.orm import Session

from registry.index.conditions import METRICS, REPOSITORIES, Condition, Ids, OfRepository

COLUMNS: Mapping[str, SQLColumnExpression[Any]] = {
    "lastModified": REPOSITORIES.c.updated,
    "createdAt": REPOSITORIES.c.created,
    "downloads": REPOSITORIES.c.downloads,
    "likes": REPOSITORIES.c.likes,
}


@dataclass(frozen=True)
class Bounds:
    """How much each way may look at.

    Attributes:
        rare: ids that a condition lists; looking at them all, and sorting them, takes about as long as a walk.
        stride: rows of the first stride; where nearly everything fits it is a page.
        walk: rows of all strides; a page of 20 is found if one in 150 fits.
    """

    rare: int = 4000
    stride: int = 128
    walk: int = 3000


Value = datetime | int | float
Place = tuple[Value, int]
"""Where a page ends: what its last row is sorted by, and its id."""


@dataclass(frozen=True)
class Asked:
    """All that a search asks.

    Attributes:
        sort: a key of `COLUMNS`, or None to sort by the figure named `metric`.
    """

    repository: OfRepository
    conditions: Sequence[Condition]
    sort: str | None
    metric: str | None = None

    @property
    def value(self) -> SQLColumnExpression[Any]:
        """What is sorted by."""
        return METRICS.c.value if self.sort is None else COLUMNS[self.sort]

    @property
    def owner(self) -> SQLColumnExpression[int]:
        """The repository's id in the table that has the order."""
        return METRICS.c.repository_id if self.sort is None else REPOSITORIES.c.id

    def of_row(self) -> list[ColumnElement[bool]]:
        """What the repository's own row must be."""
        # Not a plain comparison: SQLite would take it for rare, and begin with its index.
        return [REPOSITORIES.c.kind.concat("") == self.repository.kind, *self.repository.clauses()]

    def in_order(self, after: Place | None) -> list[ColumnElement[bool]]:
        """Which rows of that table come into question, after a place."""
        own = METRICS.c.name == self.metric if self.sort is None else REPOSITORIES.c.kind == self.repository.kind
        return [own, *self.beyond(after)]

    def beyond(self, after: Place | None) -> list[ColumnElement[bool]]:
        """What comes after a place."""
        return [] if after is None else [tuple_(self.value, self.owner) < tuple_(*after)]


def page(session: Session, asked: Asked, after: Place | None, limit: int, bounds: Bounds) -> list[Place]:
    """The next `limit` of what fits, or fewer where there are no more."""
    sources = [*asked.repository.sources(), *(one for condition in asked.conditions for one in condition.sources)]
    counts = _counted(session, sources, bounds.rare + 1)
    rarest = min(zip(counts, range(len(sources)), strict=True), default=(bounds.rare + 1, 0))
    if rarest[0] <= bounds.rare:
        return _from_source(session, asked, sources[rarest[1]], after, limit)
    found = _walk(session, asked, after, limit, bounds)
    if found is not None:
        return found
    if not sources:
        return _from_source(session, asked, _all(asked), after, limit)
    counts = _counted(session, sources, None)
    return _from_source(session, asked, sources[counts.index(min(counts))], after, limit)


def _counted(session: Session, sources: Sequence[Ids], most: int | None) -> Sequence[int]:
    """How many ids each has, counted up to `most`."""
    if not sources:
        return []
    counts = [select(func.count()).select_from(one.limit(most).subquery()).scalar_subquery() for one in sources]
    return session.execute(select(*counts)).one()


def _walk(session: Session, asked: Asked, after: Place | None, limit: int, bounds: Bounds) -> list[Place] | None:
    """What fits among the next in order, read in strides; None where a page would take more than is allowed."""
    found: list[Place] = []
    walked, stride = 0, bounds.stride
    while True:
        fitting, read = _stride(session, asked, after, walked, stride)
        walked += read
        found += fitting
        if len(found) >= limit or read < stride:
            return found[:limit]
        if walked * limit > bounds.walk * (len(found) + 0.5) or walked >= bounds.walk:
            return None
        stride = min(stride * 3, bounds.walk - walked)


def _stride(
    session: Session, asked: Asked, after: Place | None, skipped: int, rows: int
) -> tuple[Sequence[Place], int]:
    """Those that fit among the next `rows` in order, `skipped` left out; and how many of the `rows` there were.

    They are asked within a CASE, which both databases leave at the first that fails.
    """
    of_row, probes = asked.of_row(), list(asked.conditions)
    if asked.sort is None:  # the walk is over figures, which do not tell
        of_row, probes = [true()], [*probes, Condition(REPOSITORIES.c.id, of_row)]
    walked = (
        select(asked.value.label("value"), asked.owner.label("id"), and_(*of_row).label("own"))
        .where(*asked.in_order(after))
        .order_by(asked.value.desc(), asked.owner.desc())
        .offset(skipped)
        .limit(rows)
        .cte("walked")
        .prefix_with("MATERIALIZED")
    )
    fits = and_(walked.c.own, *(one.probe(walked.c.id) for one in probes))
    fitting = select(walked.c.value, walked.c.id).where(case((fits, 1), else_=0) == 1)
    length = select(null(), func.count()).select_from(walked)
    answer = session.execute(fitting.union_all(length)).all()
    found = sorted(((value, id) for value, id in answer if value is not None), reverse=True)
    return found, next(count for value, count in answer if value is None)


def _from_source(session: Session, asked: Asked, source: Ids, after: Place | None, limit: int) -> list[Place]:
    """What fits among the ids of a source.

    All parts are materialized. First the ids that fit the conditions, which indexes answer, then the rows of those: a
    row costs several times as much as an entry of an index. And neither database then reads in the order that is asked
    for in hope of an early end, which would be the walk that was just given up, without its bound.
    """
    candidates = source.cte("candidates").prefix_with("MATERIALIZED")
    conditions = [one.joined(candidates.c[0]) for one in asked.conditions]
    ids = select(candidates.c[0].label("id")).where(*conditions).cte("ids").prefix_with("MATERIALIZED")
    id = ids.c.id
    query: Select[Any, int] = select(asked.value.label("value"), REPOSITORIES.c.id.label("id")).select_from(ids)
    query = query.join(REPOSITORIES, REPOSITORIES.c.id == id)
    if asked.sort is None:
        query = query.join(METRICS, (METRICS.c.repository_id == id) & (METRICS.c.name == asked.metric))
    query = query.where(*asked.of_row(), *asked.beyond(after))
    fitting = query.cte("fitting").prefix_with("MATERIALIZED")
    ordered = select(fitting.c.value, fitting.c.id).order_by(fitting.c.value.desc(), fitting.c.id.desc())
    return _read(session, ordered.limit(limit))


def _all(asked: Asked) -> Ids:
    """The ids of all that may fit where no index lists them: from reading all names, or all adapters."""
    if asked.conditions and not asked.repository.named():
        return select(asked.conditions[0].owner).where(*asked.conditions[0].clauses)
    return select(REPOSITORIES.c.id).where(REPOSITORIES.c.kind == asked.repository.kind, *asked.repository.named())


def _read(session: Session, query: Select[Any, int]) -> list[Place]:
    return [(value, id) for value, id in session.execute(query)]
