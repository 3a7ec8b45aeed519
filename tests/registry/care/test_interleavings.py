"""An upload and a collection of the same bytes, in every order in which their steps can come.

The steps of an upload are: put the bytes, register their row, look whether they are there. Those of the collection:
insert the row, delete the bytes, roll back. Each thread stops before each of its steps until it is let go. A step that
has to wait for the other thread's lock is given `BLOCKED` seconds, then the next one in the order is let go.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from registry.care import unneeded
from registry.care.figures import Figures
from registry.errors import MissingBytes, RegistryUnavailable
from registry.index import commits
from registry.index.repositories import Repository
from registry.index.tables import BlobRow
from registry.index.trees import Put, TreeEntry
from registry.server import files
from registry.server.services import Services
from registry.store import BlobStore, FolderObjects, Stored
from tests.registry.care.pushes import create, push, sha256

DATA = b"the same bytes"
SHA256 = sha256(DATA)
BLOCKED = 0.25  # seconds
LATER = datetime(2100, 1, 1, tzinfo=UTC)  # a cutoff that finds everything old: the protocol must do without the grace
UPLOAD, COLLECT = "upload", "collect"
ORDERS = sorted({"".join(order) for order in itertools.permutations("uuuccc")})


class Steps:
    """Threads that stop before each step."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._allowed = {UPLOAD: 0, COLLECT: 0}
        self._reached = {UPLOAD: 0, COLLECT: 0}
        self.free = False

    def stop(self, thread: str) -> None:
        """Wait to be let go."""
        with self._condition:
            self._reached[thread] += 1
            self._condition.notify_all()
            self._condition.wait_for(lambda: self.free or self._allowed[thread] >= self._reached[thread], 30)

    def let_go(self, thread: str) -> None:
        """Allow a thread one step, and wait until it stops before the next, or ends, or is blocked."""
        with self._condition:
            self._allowed[thread] += 1
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._reached[thread] > self._allowed[thread], BLOCKED)

    def end(self, thread: str) -> None:
        """There are no more steps of that thread: nobody need wait for one."""
        with self._condition:
            self._reached[thread] = sys.maxsize
            self._condition.notify_all()

    def wait_until_stopped(self, thread: str) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self._reached[thread] == 1, 30)

    def let_all_go(self) -> None:
        with self._condition:
            self.free = True
            self._condition.notify_all()


class Stepping(BlobStore):
    """A store whose users stop where the other may come in between."""

    def __init__(self, objects: FolderObjects, steps: Steps) -> None:
        super().__init__(objects)
        self._steps = steps

    def put(self, source: Path, sha256: str, *, move: bool = False) -> None:
        self._steps.stop(UPLOAD)
        super().put(source, sha256, move=move)
        self._steps.stop(UPLOAD)  # before it is registered

    def size(self, sha256: str) -> int | None:
        self._steps.stop(UPLOAD)  # registered; before it looks
        return super().size(sha256)

    def stat(self, sha256: str) -> Stored | None:
        self._steps.stop(COLLECT)  # the row is inserted
        return super().stat(sha256)

    def delete(self, sha256: str) -> None:
        super().delete(sha256)
        self._steps.stop(COLLECT)  # before it rolls back


class Thread(threading.Thread):
    """Keeps what its work returned or raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.outcome: object = None

    def run(self) -> None:
        try:
            self.outcome = self._work()
        except Exception as error:
            self.outcome = error


@pytest.fixture
def objects(hub: Services) -> FolderObjects:
    return FolderObjects(hub.settings.data, hub.scratch)


def upload(hub: Services, repository: Repository, data: bytes = DATA) -> TreeEntry:
    entry = files.store_bytes(hub, data, "a")
    files.grant(hub, repository, [entry])
    return entry


def race(
    hub: Services, objects: FolderObjects, repository: Repository, data: bytes, order: str
) -> tuple[object, object]:
    steps = Steps()
    stepping = replace(hub, store=Stepping(objects, steps))
    found = Stored(sha256(data), len(data), datetime.now(UTC))

    def collect() -> bool:
        steps.stop(COLLECT)
        return unneeded._delete(hub.database, stepping.store, found, LATER)

    def send() -> TreeEntry:
        return upload(stepping, repository, data)

    def to_its_end(name: str, work: Callable[[], object]) -> object:
        try:
            return work()
        finally:
            steps.end(name)

    works: list[tuple[str, Callable[[], object]]] = [(UPLOAD, send), (COLLECT, collect)]
    threads = {name: Thread(partial(to_its_end, name, work)) for name, work in works}
    for name, thread in threads.items():
        thread.start()
        steps.wait_until_stopped(name)
    for letter in order:
        steps.let_go(UPLOAD if letter == "u" else COLLECT)
    steps.let_all_go()
    for thread in threads.values():
        thread.join(60)
        assert not thread.is_alive()
    return threads[UPLOAD].outcome, threads[COLLECT].outcome


@pytest.mark.slow
def test_no_order_loses_bytes_that_an_upload_was_told_are_there(hub: Services, objects: FolderObjects) -> None:
    repository = create(hub)
    repeated = collected = 0
    assert len(ORDERS) == 20
    for number, (order, known) in enumerate(itertools.product(ORDERS, [False, True])):
        data = DATA + b"%d" % number
        if known:  # an earlier upload's bytes, whose row went, or never came
            files.store_bytes(hub, data, "a")
        outcome, gone = race(hub, objects, repository, data, order)
        assert isinstance(outcome, TreeEntry | RegistryUnavailable), outcome
        assert isinstance(gone, bool), gone
        if isinstance(outcome, RegistryUnavailable):
            assert "lost while they came in" in str(outcome)
            assert gone
            upload(hub, repository, data)
            repeated += 1
        collected += gone
        assert hub.store.holds(sha256(data)), order
        with hub.database.read() as session:
            assert session.get(BlobRow, sha256(data)) is not None, order
        hub.history.commit(repository, "main", [Put(TreeEntry(f"{number}", len(data), sha256(data)))], "it", "ada")
    assert repeated and collected  # both happened, else this saw nothing


def test_a_registered_file_is_never_deleted(hub: Services, objects: FolderObjects) -> None:
    repository = create(hub)
    entry = upload(hub, repository)
    found = Stored(entry.sha256, entry.size, datetime.now(UTC))
    assert not unneeded._delete(hub.database, hub.store, found, LATER)
    assert hub.store.holds(entry.sha256)


def test_bytes_that_were_put_again_meanwhile_are_left_alone(hub: Services) -> None:
    """For where the connection breaks, and with it the protection by the row."""
    entry = files.store_bytes(hub, DATA, "a")
    found = Stored(entry.sha256, entry.size, datetime.now(UTC) - timedelta(days=3))
    assert not unneeded._delete(hub.database, hub.store, found, datetime.now(UTC) - timedelta(days=1))
    assert hub.store.holds(entry.sha256)


def test_a_file_that_was_committed_after_it_was_found_unneeded_stays(hub: Services) -> None:
    repository = create(hub)
    push(hub, repository, {"a": DATA})
    assert unneeded._remove(hub.database, [SHA256], LATER) == []
    with hub.database.read() as session:
        assert session.get(BlobRow, SHA256)


@pytest.fixture
def waiting(hub: Services) -> Iterator[tuple[Services, Repository]]:
    """A file that was uploaded, and is not committed."""
    repository = create(hub)
    upload(hub, repository)
    yield hub, repository


def test_a_commit_that_is_being_written_keeps_its_files(waiting: tuple[Services, Repository]) -> None:
    """PostgreSQL: the collection skips what is locked. SQLite: it waits, and then finds the file named."""
    hub, repository = waiting
    began, end = threading.Event(), threading.Event()

    def write() -> None:
        from registry.index import rows

        with hub.database.write() as session:
            row = rows.repository(session, repository.name)
            commits.hold(session, [SHA256])
            began.set()
            end.wait(BLOCKED)
            commit = commits.write(session, row, [TreeEntry("a", len(DATA), SHA256)], [], "slow", "ada")
            commits.point(session, row, rows.BRANCH, "slow", commit)

    writer = Thread(write)
    writer.start()
    assert began.wait(30)
    assert unneeded._remove(hub.database, [SHA256], LATER) == []
    end.set()
    writer.join(60)
    assert writer.outcome is None
    with hub.database.read() as session:
        assert session.scalar(select(BlobRow.sha256))


def test_a_commit_that_comes_while_a_file_goes_is_told(waiting: tuple[Services, Repository]) -> None:
    hub, repository = waiting
    held, figures = threading.Event(), Figures()

    def commit() -> str:
        held.wait(30)
        return hub.history.commit(repository, "main", [Put(TreeEntry("a", len(DATA), SHA256))], "late", "ada")

    thread = Thread(commit)
    thread.start()
    with hub.database.write() as session:
        session.get(BlobRow, SHA256, with_for_update=True)
        held.set()
        thread.join(BLOCKED)
        assert thread.is_alive()  # it waits for the row
        session.execute(BlobRow.__table__.metadata.tables["uploads"].delete())
        session.execute(BlobRow.__table__.delete())
    thread.join(60)
    assert isinstance(thread.outcome, MissingBytes)
    unneeded.sweep_bytes(hub.database, hub.store, LATER, figures, (), dry=False)
    assert figures.objects == 1
    upload(hub, repository)
    assert hub.history.commit(repository, "main", [Put(TreeEntry("a", len(DATA), SHA256))], "again", "ada")
    assert hashlib.sha256(b"".join(hub.store.read(SHA256, 0, len(DATA)))).hexdigest() == SHA256
