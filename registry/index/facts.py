"""Deriving what a repository is found by, in the transaction of the change that it follows from.

Whoever publishes, withdraws or takes down a version calls `refresh`; whoever moves the main branch calls
`main_moved`. `rebuild` makes all facts again. Knows no bytes: `CardReader` reads a README.md for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from registry.finding import AdapterFacts
from registry.folder import CARD
from registry.index import rows, tags, trees
from registry.index.conditions import ADAPTERS, METRICS
from registry.index.database import Database
from registry.index.tables import AdapterRow, MetricRow, RefRow, RepositoryRow, TagRow, VersionRow
from registry.index.trees import TreeEntry
from registry.manifest import Manifest
from registry.resolve import latest
from registry.selector import MAIN, precedence

CardReader = Callable[[TreeEntry], Mapping[str, Any]]
"""From a README.md to its front matter; what cannot be read says nothing, so it raises nothing."""

BATCH = 1000  # repositories that a rebuild lists at once


def no_card(entry: TreeEntry) -> Mapping[str, Any]:
    """The reader of who has no bytes: every card is empty."""
    return {}


def main_moved(session: Session, row: RepositoryRow, before: str | None, after: str, read: CardReader) -> None:
    """The main branch went from one commit to another: take over the card if it is another file now."""
    known = trees.entry(session, before, CARD) if before else None
    fresh = trees.entry(session, after, CARD)
    if (known and known.sha256) != (fresh and fresh.sha256):
        row.card = dict(read(fresh)) if fresh else {}
        session.flush()
        _tag(session, row, _adapter(session, row))


def copy_card(session: Session, row: RepositoryRow, card: Mapping[str, Any]) -> None:
    """The repository's main branch holds the README.md of another one, whose card this is."""
    row.card = dict(card)
    session.flush()
    _tag(session, row, _adapter(session, row))


def files_removed(session: Session, row: RepositoryRow) -> None:
    """Files, or versions, were taken out of the repository for good: forget what followed from them alone."""
    head = session.get(RefRow, (row.id, rows.BRANCH, MAIN))
    if head is None or trees.entry(session, head.commit, CARD) is None:
        copy_card(session, row, {})
    refresh(session, row)


def refresh(session: Session, row: RepositoryRow) -> None:
    """Make the adapter's facts, and the repository's tags, those of its newest version as it is now."""
    newest = _newest(session, row)
    known = session.get(AdapterRow, row.id)
    if newest is None:
        if known:
            _forget(session, row)
            _tag(session, row, None)
        return
    if known and known.version_id == newest.id:
        known.status = newest.status
        session.flush()
        return
    write(session, row, newest)


def write(session: Session, row: RepositoryRow, newest: Newest) -> None:
    """Write the facts of a version whatever is there, and the repository's tags."""
    manifest = session.scalars(select(VersionRow.manifest).where(VersionRow.id == newest.id)).one()
    facts = AdapterFacts.of(Manifest.from_bytes(manifest))
    _forget(session, row)
    columns = ("base", "fingerprint", "task", "method", "rank", "licence", "labels", "languages", "size")
    values = {name: getattr(facts, name) for name in columns}
    session.execute(
        insert(AdapterRow).values(repository_id=row.id, version_id=newest.id, status=newest.status, **values)
    )
    if facts.metrics:
        figures = [{"repository_id": row.id, "name": name, "value": value} for name, value in facts.metrics.items()]
        session.execute(insert(MetricRow), figures)
    _tag(session, row, facts)


def rebuild(database: Database, read: CardReader) -> int:
    """Make all facts again, of every repository, and return how many there are. Servers may go on meanwhile."""
    done, last = 0, 0
    while True:
        with database.read() as session:
            query = select(RepositoryRow.id).where(RepositoryRow.id > last).order_by(RepositoryRow.id)
            batch = session.scalars(query.limit(BATCH)).all()
        if not batch:
            return done
        for last in batch:
            with database.write() as session:  # one repository each, so that nobody waits long
                done += _again(session, last, read)


def _again(session: Session, number: int, read: CardReader) -> int:
    query = select(RepositoryRow).where(RepositoryRow.id == number, RepositoryRow.deleted.is_(None))
    row = session.scalar(query.with_for_update())
    if row is None:  # deleted meanwhile
        return 0
    head = session.get(RefRow, (row.id, rows.BRANCH, MAIN))
    card = trees.entry(session, head.commit, CARD) if head else None
    row.card = dict(read(card)) if card else {}
    session.flush()
    rows.note_name(session, row)
    newest = _newest(session, row)
    if newest:
        write(session, row, newest)
    else:
        _forget(session, row)
        _tag(session, row, None)
    return 1


@dataclass(frozen=True)
class Newest:
    """The version whose facts a repository is found by."""

    id: int
    status: str


def _newest(session: Session, row: RepositoryRow) -> Newest | None:
    """What a bare name means, else the highest whose files are there."""
    columns = (VersionRow.id, VersionRow.number, VersionRow.digest, VersionRow.commit, VersionRow.status)
    query = select(*columns, VersionRow.reason).where(VersionRow.repository_id == row.id, VersionRow.removed.is_(None))
    found = {one.number: one for one in session.execute(query)}
    chosen = latest([rows.as_version(row.name, one) for one in found.values()])
    number = chosen.version if chosen else max(found, key=precedence, default=None)
    return Newest(found[number].id, found[number].status) if number else None


def _adapter(session: Session, row: RepositoryRow) -> AdapterFacts | None:
    return facts_of(session, [row.id]).get(row.id)


def facts_of(session: Session, repositories: Sequence[int]) -> dict[int, AdapterFacts]:
    """The facts of those of these repositories that hold an adapter, by the repository's id."""
    metrics: dict[int, dict[str, float]] = {}
    figures = select(METRICS.c.repository_id, METRICS.c.name, METRICS.c.value)
    ordered = figures.where(METRICS.c.repository_id.in_(repositories)).order_by(METRICS.c.name)
    for number, name, value in session.execute(ordered):
        metrics.setdefault(number, {})[name] = value
    found = session.execute(select(ADAPTERS).where(ADAPTERS.c.repository_id.in_(repositories)))
    return {
        one.repository_id: AdapterFacts(
            base=one.base,
            fingerprint=one.fingerprint,
            task=one.task,
            method=one.method,
            rank=one.rank,
            licence=one.licence,
            labels=one.labels,
            languages=one.languages,
            size=one.size,
            metrics=metrics.get(one.repository_id, {}),
        )
        for one in found
    }


def _forget(session: Session, row: RepositoryRow) -> None:
    session.execute(delete(AdapterRow).where(AdapterRow.repository_id == row.id))
    session.execute(delete(MetricRow).where(MetricRow.repository_id == row.id))


def _tag(session: Session, row: RepositoryRow, facts: AdapterFacts | None) -> None:
    """Make the rows of tags those that the repository has; what stays the same is not touched."""
    wanted = {tags.key(tag) for tag in tags.of(row.kind, row.card, facts)}
    known = set(session.scalars(select(TagRow.tag).where(TagRow.repository_id == row.id)))
    if gone := known - wanted:
        session.execute(delete(TagRow).where(TagRow.repository_id == row.id, TagRow.tag.in_(gone)))
    if fresh := sorted(wanted - known):
        session.execute(insert(TagRow), [{"tag": tag, "repository_id": row.id} for tag in fresh])
