"""Garbage collection: commits that nothing names, files that no commit names, pieces and messages long over.

Servers may run meanwhile, and take pushes: what is reachable stays, whatever happens when. How that is so is told where
it is done: ``unreachable`` for commits, ``unneeded`` for files. The order makes one collection find all: commits go
first, then the files that only they named, then the bytes that have no row.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from registry.care import staged, unneeded, unreachable
from registry.care.exclusive import alone
from registry.care.figures import Figures
from registry.errors import Conflict
from registry.index import Database, Log
from registry.index.tables import AuditRow, BlobRow
from registry.index.webhooks import Webhooks
from registry.store import BlobStore, Store

DAY = timedelta(days=1)
DELIVERIES = 30 * DAY  # how long the logs of webhooks tell of what is over
ACTION = "gc"  # in the audit log
SAMPLE = 100  # files, of which one at least must be in the store


@dataclass(frozen=True)
class Graces:
    """How long what is not needed stays.

    Attributes:
        garbage: since nothing names it, for commits; since it came, for files and unfinished uploads. Shorter than the
            day that an upload's address lives ends uploads that are under way; they begin again.
        xorbs: since it came, for what Xet clients sent. While it is there, clients that send similar files send less.
    """

    garbage: timedelta = DAY
    xorbs: timedelta = 7 * DAY


@dataclass(frozen=True)
class Collected:
    """What went, or would have where `dry`."""

    dry: bool
    figures: Figures


def collect(database: Database, store: Store, graces: Graces, *, dry: bool = False) -> Collected:
    """Take away what nobody can ask for any more, and note it in the audit log.

    Raises:
        Conflict: another collection, a backup or a check is at work, or the store is another database's.
        RegistryUnavailable: database or store cannot be used. What went until then is well gone.
    """
    figures, now = Figures(), datetime.now(UTC)
    cutoff = now - graces.garbage
    database.check()
    with alone(database):
        _refuse_strange(database, store.blobs)
        gone: set[str] = set()
        for repository in unreachable.repositories(database):
            removed = unreachable.sweep(database, repository, now, cutoff, figures, dry=dry)
            gone |= removed if dry else set()
        if not dry:
            unneeded.forget_uploads(database, cutoff)
        doomed = unneeded.sweep_rows(database, cutoff, figures, gone, dry=dry)
        unneeded.sweep_bytes(database, store.blobs, cutoff, figures, doomed, dry=dry)
        staged.sweep(database, store.staging, cutoff, now - graces.xorbs, figures, dry=dry)
        if not dry:
            store.scratch.clean()
            figures.deliveries = Webhooks(database).forget(now - DELIVERIES)
            told = ", ".join(f"{count} {name}" for name, count in asdict(figures).items() if count)
            Log(database).add(ACTION, "", "", told or "nothing")
    return Collected(dry, figures)


def _refuse_strange(database: Database, store: BlobStore) -> None:
    """A store and a database that do not belong together would make garbage of all files."""
    with database.read() as session:
        known = session.scalars(select(BlobRow.sha256).order_by(BlobRow.sha256).limit(SAMPLE)).all()
        used = known or session.scalar(select(AuditRow.id).where(AuditRow.action != ACTION).limit(1))
    if used and (not known or any(store.size(sha256) is not None for sha256 in known)):
        return
    if known or next(store.list(), None) is not None:
        raise Conflict(
            f"none of the files that {database.name} lists is in the store",
            "Name the database and the files that belong together. Nothing was removed.",
        )
