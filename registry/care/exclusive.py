"""One at a time: who collects garbage, copies everything or checks everything must not meet another who does.

Servers know nothing of it: they work on meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from registry.errors import Conflict
from registry.index import Database

LOCK = 0x6361_7265  # key of PostgreSQL's advisory lock


@contextlib.contextmanager
def alone(database: Database) -> Iterator[None]:
    """Hold the lock of a database's caretakers.

    On PostgreSQL a connection holds it, and loses it with the connection; on SQLite a file beside the database, which
    the system lets go with the process.

    Raises:
        Conflict: somebody else has it.
    """
    holding = _by_connection if database.engine.dialect.name == "postgresql" else _by_file
    with holding(database):
        yield


@contextlib.contextmanager
def _by_connection(database: Database) -> Iterator[None]:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
            raise _taken(database)
        try:
            yield
        finally:
            try:
                connection.execute(select(func.pg_advisory_unlock(LOCK)))
            except DBAPIError:  # it is broken, and the lock went with it
                connection.invalidate()


@contextlib.contextmanager
def _by_file(database: Database) -> Iterator[None]:
    try:
        with FileLock(f"{database.engine.url.database}.care", timeout=0):
            yield
    except Timeout as error:
        raise _taken(database) from error


def _taken(database: Database) -> Conflict:
    return Conflict(
        f"a garbage collection, backup, restore or check of {database.name} is at work already",
        "Wait until it has ended.",
    )
