"""Repositories of thousands of files: what is asked of them, and commits to them, take time with their number."""

from __future__ import annotations

import time
from dataclasses import replace

from registry.index import commits, rows, trees
from registry.index.trees import TreeEntry, above
from registry.server import files
from tests.support.hub_app import DELETED, HubApp

FILES = 5000
SECONDS = 8.0  # a request took half a minute where each folder was compared with each file
HERE = "/api/models/alice/m"


def fill(app: HubApp) -> None:
    """Let the main branch hold `FILES` files in as many folders, all of the same bytes."""
    stored = files.store_bytes(app.hub, b"x", "x")
    files.grant(app.hub, app.hub.repositories.find("alice/m"), [stored])
    with app.hub.database.write() as session:
        row = rows.repository(session, "alice/m")
        tree = [replace(stored, path=f"d{number:05d}/f") for number in range(FILES)]
        commits.point(session, row, rows.BRANCH, "main", commits.write(session, row, tree, [], "fill", "alice"))


def test_lists_and_deletions_take_time_with_the_number_of_files(app: HubApp) -> None:
    fill(app)
    began = time.perf_counter()
    page = app.get("alice", f"{HERE}/tree/main")
    assert [one["path"] for one in page] == [f"d{number:05d}" for number in range(1000)]
    expanded = app.get("alice", f"{HERE}/tree/main?recursive=true&expand=true")
    assert [one["path"] for one in expanded[:4]] == ["d00000", "d00000/f", "d00001", "d00001/f"]
    assert {one["lastCommit"]["title"] for one in expanded} == {"fill"}
    asked = app.send("alice", "POST", f"{HERE}/paths-info/main", data={"paths": ["d04999", "d04999/f", "no"]})
    assert [one["path"] for one in asked.json()] == ["d04999", "d04999/f"]
    app.commit("alice", {f"d{number:05d}/f": DELETED for number in range(FILES - 1)})
    assert time.perf_counter() - began < SECONDS
    assert app.files() == {"d04999/f": b"x"}


def test_a_folder_is_known_by_what_it_holds(app: HubApp) -> None:
    def oids() -> dict[str, str]:
        return {one["path"]: one["oid"] for one in app.get("alice", f"{HERE}/tree/main") if one["type"] == "directory"}

    app.commit("alice", {"a/b/c": b"1", "d/e": b"1"})
    before = oids()
    app.commit("alice", {"a/b/c": b"2"})
    assert oids()["a"] != before["a"] and oids()["d"] == before["d"]


def test_a_file_gives_way_to_a_folder_of_its_name() -> None:
    tree = {"a": TreeEntry("a", 1, "s")}
    inside = TreeEntry("a/b", 1, "t")
    assert [*trees.changed(tree, [trees.Put(inside), trees.Delete("a")])] == ["a/b"]
    assert above("a/b/c") == ["a", "a/b"] and above("a") == []
