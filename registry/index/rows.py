"""Finding and writing rows inside a transaction that somebody else began."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Row, Select, bindparam, delete, insert, inspect, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registry.errors import RepositoryNotFound, VersionNotFound
from registry.index.tables import (
    AuditRow,
    FormerNameRow,
    NamePartRow,
    RefRow,
    RepositoryRow,
    Table,
    UploadRow,
    VersionRow,
)
from registry.index.tags import parts
from registry.protocol import Status, Version

BRANCH, TAG, ALIAS, PULL = "branch", "tag", "alias", "pull"
MODEL, DATASET = "model", "dataset"
AUDIT_LOCK = 0x6164_6170  # key of PostgreSQL's advisory lock

# What every resolve and pull asks: columns and no objects, in statements that are put together once.
VERSIONS_OF = (
    select(
        RepositoryRow.name.label("repository"),
        VersionRow.repository_id,
        VersionRow.number,
        VersionRow.digest,
        VersionRow.commit,
        VersionRow.status,
        VersionRow.reason,
    )
    .join(VersionRow, VersionRow.repository_id == RepositoryRow.id)
    .where(RepositoryRow.kind == literal(MODEL), RepositoryRow.key == bindparam("repository"))
)
STORED = VERSIONS_OF.add_columns(VersionRow.manifest, VersionRow.derived, VersionRow.created).where(
    VersionRow.number == bindparam("number")
)
ALIASES_OF = select(RefRow.name, RefRow.version).where(
    RefRow.repository_id == bindparam("repository_id"), RefRow.kind == ALIAS
)


def insert_new(session: Session, table: type[Table], **values: Any) -> bool:
    """Insert a row unless one of the same key is there; whether it was inserted."""
    statement = _insert(session, table).values(**values).on_conflict_do_nothing()
    return session.execute(statement.returning(*inspect(table).primary_key)).first() is not None


def note_upload(session: Session, repository_id: int, sha256: str) -> None:
    """Note that a commit to a repository may name bytes, as of now. Their own row is there and locked."""
    key, now = {"repository_id": repository_id, "sha256": sha256}, datetime.now(UTC)
    statement = _insert(session, UploadRow).values(**key, created=now)
    session.execute(statement.on_conflict_do_update(index_elements=[*key], set_={"created": now}))


def _insert(session: Session, table: type[Table]) -> Any:
    dialect = session.connection().dialect.name
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def repository(session: Session, name: str, kind: str = MODEL, *, lock: bool = True) -> RepositoryRow:
    """The repository's row, by its name or one that it had.

    Args:
        lock: until the end of a writing transaction, nobody else changes the repository (SQLite locks all of itself).

    Raises:
        RepositoryNotFound: there is none, or it was deleted.
    """
    query = select(RepositoryRow).where(RepositoryRow.kind == kind, RepositoryRow.deleted.is_(None))
    query = query.with_for_update() if lock else query
    row = session.scalar(query.where(RepositoryRow.key == name.lower()))
    if row is None:
        former = select(FormerNameRow.repository_id).where(
            FormerNameRow.kind == kind, FormerNameRow.key == name.lower()
        )
        row = session.scalar(query.where(RepositoryRow.id == former.scalar_subquery()))
    if row is None:
        raise no_repository(name)
    return row


def repository_for_publish(session: Session, name: str) -> RepositoryRow:
    """The model repository's row, made if there is none."""
    try:
        return repository(session, name)
    except RepositoryNotFound:
        new_repository(session, name, MODEL)
        return repository(session, name)


def new_repository(session: Session, name: str, kind: str, private: bool = False) -> bool:
    """Insert a repository unless one of that name is there; whether it was inserted."""
    now, key = datetime.now(UTC), name.lower()
    namespace = key.partition("/")[0]
    values = {"name": name, "kind": kind, "key": key, "namespace": namespace, "private": private, "card": {}}
    if not insert_new(session, RepositoryRow, created=now, updated=now, **values):
        return False
    note_name(session, repository(session, name, kind))
    return True


def note_name(session: Session, row: RepositoryRow) -> None:
    """Make a repository found by the parts of the name that it has now."""
    session.execute(delete(NamePartRow).where(NamePartRow.repository_id == row.id))
    session.execute(insert(NamePartRow), [{"part": part, "repository_id": row.id} for part in sorted(parts(row.key))])


def version(session: Session, row: RepositoryRow, number: str) -> VersionRow:
    """The version's row.

    Raises:
        VersionNotFound: there is none.
    """
    found = session.scalar(_version(row.id, number))
    if found is None:
        raise no_version(row.name, number)
    return found


def version_of(session: Session, repository_id: int, number: str) -> VersionRow:
    """The row of a version that a ref names, and that therefore is there."""
    return session.scalars(_version(repository_id, number)).one()


def _version(repository_id: int, number: str) -> Select[VersionRow]:
    return select(VersionRow).where(VersionRow.repository_id == repository_id, VersionRow.number == number)


def no_repository(name: str) -> RepositoryNotFound:
    """What whoever asks for a repository is told: the same whether there is none, or none for them."""
    return RepositoryNotFound(f"there is no repository {name}", "Check the id and your token.")


def no_version(name: str, number: str) -> VersionNotFound:
    """What whoever asks for a version that is not there is told."""
    return VersionNotFound(f"{name} has no version {number}", "See its list of versions.")


def as_version(name: str, row: VersionRow | Row[*tuple[Any, ...]]) -> Version:
    """The value that leaves the index."""
    return Version(name, row.number, row.digest, row.commit, cast(Status, row.status), row.reason)


def audit(session: Session, action: str, name: str, subject: str, detail: str, actor: str = "") -> None:
    """Add a line to the audit log: the last thing a transaction does.

    On PostgreSQL one transaction at a time gets here, until its end, so that lines become visible in the order of
    their ids: whoever reads from a mark on misses none.
    """
    if session.connection().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": AUDIT_LOCK})
    values = {"action": action, "repository": name, "subject": subject, "detail": detail, "actor": actor}
    session.execute(insert(AuditRow).values(created=datetime.now(UTC), **values))
