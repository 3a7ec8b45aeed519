"""The server dies at any moment, again and again, while stock clients push and pull: nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.index.tables import CommitRow
from registry.server.services import Services
from registry.server.settings import Settings
from tests.support.hub import DATABASES, ROOT, HubServer, client_environment, running

SEED = int(os.environ.get("FAULT_SEED", "1"))


@dataclass(frozen=True)
class Load:
    """How much: client processes, pushes of each, seconds that the server lives at a time.

    Each life is longer than the last by the factor `grows`, so that pushes come through on the slowest machine.
    """

    clients: int
    pushes: int
    lives: tuple[float, float]
    grows: float = 1.0


SMALL = Load(2, 5, (0.7, 2.0), grows=1.5)
LARGE = Load(8, 25, (2.0, 8.0))


def start(server: HubServer, number: int, load: Load, folder: Path) -> subprocess.Popen[str]:
    """A client with a home of its own; every second one speaks Xet."""
    home = folder / f"home{number}"
    home.mkdir(parents=True)
    arguments = map(str, (number, SEED, load.pushes, home))
    with (home / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.pushing", *arguments],
            cwd=ROOT,
            env=client_environment(server, home, xet=number % 2 == 1),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def kill_and_restart(server: HubServer, clients: list[subprocess.Popen[str]], load: Load) -> int:
    """Until the clients are done; returns how often."""
    rng, kills = random.Random(SEED), 0
    while any(client.poll() is None for client in clients):
        time.sleep(rng.uniform(*load.lives) * load.grows**kills)
        server.kill()
        kills += 1
        server.start()
    return kills


def survive(data: Path, database: str, load: Load) -> None:
    with running(data, database) as server:
        began = time.monotonic()
        clients = [start(server, number, load, data.parent / "clients") for number in range(load.clients)]
        kills = kill_and_restart(server, clients, load)
        told: list[dict[str, Any]] = []
        for number, client in enumerate(clients):
            printed, _ = client.communicate()
            assert client.returncode == 0, (data.parent / "clients" / f"home{number}" / "log").read_text()[-3000:]
            told += [json.loads(line) for line in printed.splitlines()]
        seconds = time.monotonic() - began
        pushes, ends = [one for one in told if "commit" in one], [one for one in told if "done" in one]
        assert json.loads(server.command("check", "--deep", "--json"))["problems"] == []
    assert len(pushes) == load.clients * load.pushes and kills >= 2
    look(Settings(data, database), pushes)
    repeated, pulled = sum(one["repeated"] for one in ends), sum(one["pulled"] for one in ends)
    print(
        f"{len(pushes)} pushes and {pulled} pulls in {seconds:.0f} s, {kills} kills, {repeated} tries repeated, "
        f"{len(list((data / 'tmp').glob('*')))} unfinished folders left"
    )


def look(settings: Settings, pushes: list[dict[str, Any]]) -> None:
    """Every acknowledged commit is in the history of its branch, and every acknowledged file in its tree."""
    hub = Services.open(settings)
    for name in {one["repository"] for one in pushes}:
        head = hub.history.revision(hub.repositories.find(name), "main").commit
        tree, oids = hub.history.tree(head), {one.oid for one in hub.history.log(head, 100_000)}
        for push in pushes:
            if push["repository"] == name:
                assert push["commit"] in oids
                assert {path: tree[path].sha256 for path in push["files"]} == push["files"]
    with hub.database.read() as session:
        assert session.query(CommitRow).count() >= len(pushes)
    hub.close()


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES, indirect=True)
def test_a_few_pushes(database: str, tmp_path: Path) -> None:
    survive(tmp_path / "hub", database, SMALL)


@pytest.mark.soak
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("database", DATABASES, indirect=True)
def test_two_hundred_pushes(database: str, tmp_path: Path) -> None:
    survive(tmp_path / "hub", database, LARGE)
