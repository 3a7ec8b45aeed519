"""One registry, many real processes: races, and dying in the middle."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

import pytest

from registry import LocalRegistry, Manifest
from tests.registry.folders import FACTS, LORA, lora_shapes, write_adapter
from tests.registry.processes import Worker, at_once


def check_whole(registry: LocalRegistry) -> list[str]:
    """Everything that is listed can be pulled and is what its digest says; returns the numbers, lowest first."""
    database = sqlite3.connect(registry.root / "index.sqlite")
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        database.close()
    versions = registry.versions("acme/intent")
    for version in versions:
        assert Manifest.read(registry.pull(version)).digest == version.digest
    return [version.version for version in reversed(versions)]


def test_the_first_publishes_of_all_to_an_empty_folder(tmp_path: Path) -> None:
    """Making the tables, the repository and the first commit at once."""
    root, folder = tmp_path / "registry", write_adapter(tmp_path / "adapter")
    results = at_once([Worker("publish", root=root, folder=folder, versions=[f"1.0.{n}"]) for n in range(3)])
    assert len({digest for (digest,) in results}) == 1
    assert results[0][0].startswith("sha256:")
    assert check_whole(LocalRegistry(root)) == ["1.0.0", "1.0.1", "1.0.2"]


def test_one_version_has_one_content(tmp_path: Path) -> None:
    """Two processes with the same content and one with another want the same numbers."""
    root, versions = tmp_path / "registry", [f"1.0.{n}" for n in range(8)]
    folders = [write_adapter(tmp_path / f"adapter{n}", seed=n // 2) for n in range(3)]
    results = at_once([Worker("publish", root=root, folder=folder, versions=versions) for folder in folders])
    registry = LocalRegistry(root)
    assert check_whole(registry) == versions
    kept = {version.version: version.digest for version in registry.versions("acme/intent")}
    for number, *outcomes in zip(versions, *results, strict=True):
        winners = {outcome for outcome in outcomes if outcome != "version-conflict"}
        assert winners == {kept[number]}


def test_history_is_one_line(tmp_path: Path) -> None:
    """Every commit of the branch but the first has the one before it as its only parent."""
    root, folder = tmp_path / "registry", write_adapter(tmp_path / "adapter")
    jobs = [[f"{major}.0.{n}" for n in range(5)] for major in range(3)]
    at_once([Worker("publish", root=root, folder=folder, versions=versions) for versions in jobs])
    database = sqlite3.connect(root / "index.sqlite")
    parents = dict(database.execute('SELECT "commit", parent FROM commit_parents').fetchall())
    (head,) = database.execute("SELECT \"commit\" FROM refs WHERE kind = 'branch' AND name = 'main'").fetchone()
    database.close()
    line = [head]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    assert len(line) == len(set(line)) == 15
    assert {version.commit for version in LocalRegistry(root).versions("acme/intent")} == set(line)


def publish_large(registry: LocalRegistry, folder: Path, count: int) -> list[str]:
    """Versions of a few megabytes, so that others come in the middle; returns their references."""
    shapes = {**lora_shapes(), "base_model.model.score.weight": [3, 300_000]}
    return [
        str(registry.publish(write_adapter(folder, LORA, shapes, seed=n), "acme/intent", f"1.0.{n}", facts=FACTS))
        for n in range(count)
    ]


def test_many_pull_the_same_versions(registry: LocalRegistry, tmp_path: Path) -> None:
    references = publish_large(registry, tmp_path / "adapter", 8)
    results = at_once([Worker("pull", root=registry.root, references=references) for _ in range(3)])
    assert results == [[str(registry.pull(reference)) for reference in references]] * 3
    assert list((registry.root / "tmp").iterdir()) == []


def test_one_of_many_moves_an_alias(registry: LocalRegistry, adapter: Path) -> None:
    versions = [f"1.0.{n}" for n in range(4)]
    for version in versions:
        registry.publish(adapter, "acme/intent", version, facts=FACTS)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    results = at_once([Worker("alias", root=registry.root, version=one, expect="1.0.0") for one in versions[1:]])
    assert sorted(results)[1:] == ["alias-conflict"] * 2
    assert registry.resolve("acme/intent@production").version == sorted(results)[0]
    assert len(registry.alias_history("acme/intent", "production")) == 2


def test_no_move_is_lost(registry: LocalRegistry, adapter: Path) -> None:
    """Three processes count one alias up together, by compare-and-set alone."""
    for number in range(13):
        registry.publish(adapter, "acme/intent", f"1.0.{number}", facts=FACTS)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    at_once([Worker("count_up", root=registry.root, times=4) for _ in range(3)])
    history = registry.alias_history("acme/intent", "production")
    assert [change.version for change in history] == [f"1.0.{number}" for number in range(12, -1, -1)]


@pytest.mark.parametrize("seed", range(2))
def test_killed_in_the_middle_of_publishing(tmp_path: Path, seed: int) -> None:
    """What was said to be published is; what is listed is whole; publishing goes on; leftovers do no harm."""
    root, folder, chance = tmp_path / "registry", tmp_path / "adapter", random.Random(seed)
    said: list[int] = []
    for _ in range(3):
        start = said[-1] + 1 if said else 0
        worker = Worker("publish_until_killed", root=root, folder=folder, start=start)
        worker.wait_until_ready()
        worker.go()
        first = worker.read()
        time.sleep(chance.uniform(0, 0.15))
        said += [first, *worker.kill()]
    registry = LocalRegistry(root)
    listed = [int(number.rpartition(".")[2]) for number in check_whole(registry)]
    assert set(said) <= set(listed)
    interrupted = write_adapter(folder, seed=said[-1] + 1)
    again = registry.publish(interrupted, "acme/intent", f"1.0.{said[-1] + 1}", facts=FACTS)
    assert Manifest.read(registry.pull(again)).digest == again.digest


def test_killed_before_anything_was_published(tmp_path: Path) -> None:
    """Also while the tables are made."""
    chance = random.Random(7)
    for attempt in range(3):
        root = tmp_path / f"registry{attempt}"
        worker = Worker("publish_until_killed", root=root, folder=tmp_path / f"adapter{attempt}", start=0)
        worker.wait_until_ready()
        worker.go()
        time.sleep(chance.uniform(0, 0.4))
        worker.kill()
        registry = LocalRegistry(root)
        registry.publish(write_adapter(tmp_path / "after", seed=-1), "acme/intent", "2.0.0", facts=FACTS)
        assert check_whole(registry)[-1] == "2.0.0"


def test_killed_in_the_middle_of_pulling(registry: LocalRegistry, tmp_path: Path) -> None:
    """The process loses the snapshot and makes it anew, over and over."""
    (reference,) = publish_large(registry, tmp_path / "adapter", 1)
    chance = random.Random(3)
    for _ in range(3):
        worker = Worker("pull_anew", root=registry.root, reference=reference)
        worker.wait_until_ready()
        worker.go()
        worker.read()
        time.sleep(chance.uniform(0, 0.1))
        worker.kill()
        assert Manifest.read(registry.pull(reference)).digest == registry.resolve(reference).digest


def test_no_room_on_the_disk(tmp_path: Path, registry: LocalRegistry) -> None:
    """A limit on the size of files stands for it. Nothing is published; with room, the same publish works."""
    folder = write_adapter(tmp_path / "large", {**LORA, "r": 512}, lora_shapes(rank=512))
    assert (folder / "adapter_model.safetensors").stat().st_size > 64 << 10
    (outcome,) = at_once([Worker("publish_without_room", root=registry.root, folder=folder, limit=64 << 10)])
    assert outcome == "File too large"
    assert registry.list() == []
    assert not list((registry.root / "tmp").iterdir())
    registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    assert check_whole(registry) == ["1.0.0"]
