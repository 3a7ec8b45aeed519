"""A database and its transactions: SQLite in a file, or a PostgreSQL server; failures as registry errors.

Writers of SQLite come one at a time; those of PostgreSQL lock the rows that they are about (``rows.repository``).
Readers never wait. Knows the settings of both; the tables are in ``tables``, and how they became so in ``migrations``.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from registry.errors import Conflict, InvalidReference, RegistryUnavailable
from registry.index.tables import RevisionRow, Table

BUSY_SECONDS = 30.0  # how long a writer waits for the others
LOCK_SECONDS = 10  # how long a thread of a server waits for a row of PostgreSQL, while others may need the thread
STATEMENT_SECONDS = 60  # how long PostgreSQL works on one statement
CONNECT_SECONDS = 5
POOL = {"pool_size": 20, "max_overflow": 30, "pool_timeout": 10}  # seconds; a server answers with about 40 threads
MIGRATION_LOCK = 0x6164_6D67  # key of PostgreSQL's advisory lock; two processes may come to an empty database
REVISION = "0001"  # the newest of registry.index.migrations; a test compares


class Database:
    """Sessions of one database."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine` as it is; see `in_file` and `at`."""
        self._reader = engine
        self._writer = engine.execution_options(immediate=True)

    @classmethod
    def in_file(cls, file: Path) -> Database:
        """The SQLite database of that file, made or migrated where that is needed.

        A connection lives for one transaction, so threads and forks are safe.

        Raises:
            RegistryUnavailable: it cannot be used, or a newer version of this package wrote it.
        """
        database = cls(_sqlite(URL.create("sqlite", database=str(file)), poolclass=NullPool))
        if database.revision() != REVISION:
            database.migrate()
        return database

    @classmethod
    def at(cls, url: str) -> Database:
        """The database at an address, with a pool of connections for a server's threads; nothing is made yet.

        Args:
            url: ``sqlite:////absolute/file`` or ``postgresql+psycopg://user:password@host/name``.

        Raises:
            RegistryUnavailable: it is no such address.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise RegistryUnavailable(
                f"{url!r} is not the address of a database", "Write postgresql+psycopg://user:password@host/name."
            ) from error
        if parsed.get_backend_name() == "sqlite":
            return cls(_sqlite(parsed, **POOL))
        if parsed.get_backend_name() != "postgresql":
            raise RegistryUnavailable(
                f"{parsed.get_backend_name()} is not supported as a database", "Use SQLite, or PostgreSQL."
            )
        # Compiling a statement takes longer than any of these runs.
        limits = f"-c jit=off -c statement_timeout={STATEMENT_SECONDS * 1000} -c lock_timeout={LOCK_SECONDS * 1000}"
        arguments = {"connect_timeout": CONNECT_SECONDS, "options": limits}
        return cls(create_engine(parsed, pool_pre_ping=True, connect_args=arguments, **POOL))

    @property
    def engine(self) -> Engine:
        """For migrations."""
        return self._reader

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view (on PostgreSQL: of each statement)."""
        with _translated(self._reader), Session(self._reader) as session:
            yield session

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One consistent view for any number of statements, on both databases."""
        serial = self._reader.dialect.name == "postgresql"
        with _translated(self._reader), self._reader.connect() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ") if serial else connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, all of it or nothing; on SQLite alone from its start."""
        with _translated(self._writer), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def revision(self) -> str | None:
        """The migration that the tables are at; None where there are no tables.

        Raises:
            RegistryUnavailable: the database cannot be used.
        """
        with self.read() as session:
            tables = inspect(session.connection()).get_table_names()
            if RevisionRow.__tablename__ in tables:
                return session.scalar(select(RevisionRow.version_num))
            return "unversioned" if "meta" in tables else None

    def migrate(self) -> None:
        """Make the tables, or bring them up to date.

        Raises:
            RegistryUnavailable: that is not possible from what is there.
        """
        found = self.revision()
        if found is None:
            with self.write() as session:
                if self._writer.dialect.name == "postgresql":
                    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                Table.metadata.create_all(session.connection())
                if session.scalar(select(RevisionRow.version_num)) is None:  # another process may have been faster
                    session.add(RevisionRow(version_num=REVISION))
        elif found != REVISION:
            from registry.index.migrations import upgrade

            upgrade(self.engine, found)

    def check(self) -> None:
        """Refuse tables of another version of this package.

        Raises:
            RegistryUnavailable: they are, or there are none.
        """
        found = self.revision()
        if found != REVISION:
            raise RegistryUnavailable(
                f"{self.name} is at migration {found or 'none'}; this version needs {REVISION}",
                "Run `adapterhub hub migrate` with the same --database.",
            )

    @property
    def name(self) -> str:
        """How messages name it: without a password."""
        return self._reader.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Let all connections go."""
        self._reader.dispose()


def _sqlite(url: URL, **arguments: Any) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **arguments)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


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
    name = engine.url.database
    try:
        yield
    except IntegrityError as error:
        raise Conflict("somebody else changed this at the same moment", "Look at it, then try again.") from error
    except DataError as error:  # a character that PostgreSQL has not, or more of them than a column holds
        raise InvalidReference("a text cannot be kept as it is: it is too long, or holds a zero byte") from error
    except (DBAPIError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise RegistryUnavailable(
            f"the index {name} cannot be used: {cause}",
            "Is the disk full, the folder not writable, or a program holding it? Published versions are unharmed.",
        ) from error
