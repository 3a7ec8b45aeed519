"""A database and its transactions: writers one at a time, readers never waiting, failures as registry errors.

Knows SQLite's settings; the tables are in ``schema``.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from registry.errors import RegistryUnavailable
from registry.index.schema import SCHEMA_VERSION, Meta, Table

BUSY_SECONDS = 30.0  # how long a writer waits for the others


class Database:
    """Sessions of one database."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`, making the tables where there are none.

        Raises:
            RegistryUnavailable: it cannot be used, or a newer version of this package wrote it.
        """
        self._reader = engine
        self._writer = engine.execution_options(immediate=True)
        with self.read() as session:
            found = session.connection().dialect.has_table(session.connection(), Meta.__tablename__)
        if not found:
            self._create()
        with self.read() as session:
            stored = session.get_one(Meta, "schema_version").value
        if stored != str(SCHEMA_VERSION):
            raise RegistryUnavailable(
                f"{engine.url.database} has index schema {stored}; this version reads {SCHEMA_VERSION}",
                "Use the version of adapterhub that wrote it, or a newer one.",
            )

    @classmethod
    def in_file(cls, file: Path) -> Database:
        """The SQLite database of that file. A connection lives for one transaction, so threads and forks are safe."""
        engine = create_engine(
            URL.create("sqlite", database=str(file)), poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS}
        )
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        return cls(engine)

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view."""
        with _translated(self._reader), Session(self._reader) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, alone from its start: what it reads is still so when it writes. All of it or nothing."""
        with _translated(self._writer), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def _create(self) -> None:
        with self.write() as session:
            Table.metadata.create_all(session.connection())
            if session.get(Meta, "schema_version") is None:
                session.add(Meta(key="schema_version", value=str(SCHEMA_VERSION)))


def _configure(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the module would begin transactions of its own
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # a version that was published survives a power cut
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")  # kept in the file; a no-op but for the first time
            return
        except sqlite3.OperationalError as error:  # SQLite does not wait here, though it does everywhere else
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin(connection: Connection) -> None:
    immediate: Any = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextlib.contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise RegistryUnavailable(
            f"the index {engine.url.database} cannot be used: {error.orig}",
            "Is the disk full, the folder not writable, or a program holding it? Published versions are unharmed.",
        ) from error
