"""Many who move one alias at once: a move that was answered with success is in the history, and no other."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from registry.admit import admit
from registry.index import Content, Database, Versions
from tests.registry.folders import FACTS, write_adapter
from tests.support.hub import HubServer, PostgreSQL, running

NAME = "admin/raced"
NUMBERS = [f"1.0.{patch}" for patch in range(5)]
Move = tuple[str | None, str]


def publish(database: Database, folder: Path) -> None:
    """Versions to point at; only the index is asked about them."""
    for seed, number in enumerate(NUMBERS):
        written = write_adapter(folder / number, seed=seed)
        admission = admit({path.name: path for path in written.iterdir()}, FACTS)
        content = Content(admission.manifest, admission.derived, admission.manifest.files)
        Versions(database).record(NAME, number, content)


def move_again_and_again(
    server: HubServer, token: str, seed: int, attempts: int, moved: list[Move], conflicts: list[int]
) -> None:
    """Move the alias from where it seems to be; half of the time that is long out of date."""
    choose, current = random.Random(seed), None
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=120) as client:
        for _ in range(attempts):
            target = choose.choice(NUMBERS)
            path = f"/api/models/{NAME}/alias/production"
            answer = client.put(path, json={"version": target, "expect": current})
            if answer.status_code == 200:
                moved.append((current, target))
                current = target
            else:
                assert answer.status_code == 412, answer.text
                conflicts.append(seed)
                current = next(iter(client.get(path).json()))["version"]


def race(servers: Sequence[HubServer], threads: int, attempts: int) -> tuple[list[Move], int]:
    moved: list[Move] = []
    conflicts: list[int] = []
    token = next(server.token for server in servers if server.token)
    racers = [
        threading.Thread(
            target=move_again_and_again,
            args=[servers[number % len(servers)], token, number, attempts, moved, conflicts],
        )
        for number in range(threads)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(moved) + len(conflicts) == threads * attempts, "a racer failed"
    return moved, len(conflicts)


def history(server: HubServer) -> list[Move]:
    """The oldest first."""
    answer = httpx2.get(f"{server.url}/api/models/{NAME}/alias/production").json()
    return [(one["previous"], one["version"]) for one in reversed(answer)]


def check(server: HubServer, moved: Sequence[Move], conflicts: int) -> None:
    kept = history(server)
    assert sorted(kept, key=str) == sorted(moved, key=str)
    assert [previous for previous, _ in kept] == [None, *(version for _, version in kept[:-1])]
    assert conflicts > 0, "nobody raced"
    resolved = httpx2.get(f"{server.url}/api/resolve", params={"reference": f"{NAME}@production"}).json()
    assert resolved["number"] == kept[-1][1]


@pytest.mark.slow
def test_a_thousand_moves_through_two_servers(postgresql: PostgreSQL, tmp_path: Path) -> None:
    address = postgresql.create()
    with running(tmp_path / "one", address) as one, running(tmp_path / "two", address) as two:
        publish(Database.at(address), tmp_path)
        moved, conflicts = race([one, two], threads=10, attempts=100)
        check(two, moved, conflicts)


def test_moves_on_sqlite(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as server:
        publish(Database.in_file(tmp_path / "hub" / "index.sqlite"), tmp_path)
        moved, conflicts = race([server], threads=4, attempts=15)
        check(server, moved, conflicts)
