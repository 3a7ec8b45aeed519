"""Staged bytes in a folder and in a bucket (moto's, on this machine)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.store import open_store
from tests.registry.places import Place


def stage(place: Place, folder: Path, *keys: str) -> None:
    source = folder / "source"
    for key in keys:
        source.write_bytes(key.encode())
        place.staging.put(key, source)


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("data", [b"", b"part" * 500_000], ids=len)
def test_put_and_open(place: Place, tmp_path: Path, data: bytes, move: bool) -> None:
    """What one process stages, another one opens."""
    source = tmp_path / "source"
    source.write_bytes(data)
    place.staging.put("uploads/1/part-1", source, move=move)
    other = open_store(place.location, tmp_path / "other").staging
    assert other.size("uploads/1/part-1") == len(data)
    with other.open("uploads/1/part-1") as stream:
        assert stream.read() == data
        assert stream.seek(7 if data else 0) == stream.tell()
        assert stream.read(3) == data[7:10]
    assert not place.left_over()
    assert not (tmp_path / "other").exists() or not list((tmp_path / "other").iterdir())


def test_what_is_open_stays_readable(place: Place, tmp_path: Path) -> None:
    stage(place, tmp_path, "a")
    with place.staging.open("a") as stream:
        place.staging.delete("a")
        assert stream.read() == b"a"


def test_put_replaces(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for data in (b"first", b"second one"):
        source.write_bytes(data)
        place.staging.put("part", source)
    with place.staging.open("part") as stream:
        assert stream.read() == b"second one"
    assert place.staging.size("part") == 10


def test_nothing_there(place: Place) -> None:
    assert place.staging.size("part") is None
    assert not list(place.staging.list())
    assert not list(place.staging.list("uploads"))
    place.staging.delete("part")
    with pytest.raises(FileNotFoundError, match="nothing is staged as part"):
        place.staging.open("part")


def test_list_and_delete_go_by_whole_names(place: Place, tmp_path: Path) -> None:
    stage(place, tmp_path, "uploads/1/a", "uploads/1/b/c", "uploads/10/a", "uploads/1.json", "xorbs/1")
    assert {(found.key, found.size) for found in place.staging.list("uploads/1")} == {
        ("uploads/1/a", 11),
        ("uploads/1/b/c", 13),
    }
    place.staging.delete("uploads/1")
    place.staging.delete("xorbs/1")
    assert {found.key for found in place.staging.list()} == {"uploads/10/a", "uploads/1.json"}
    assert not list(place.blobs.list())


@pytest.mark.slow
def test_more_than_a_page(place: Place, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}" for number in range(1_005)]
    for file in files:
        file.write_bytes(b"x")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: place.staging.put(f"uploads/1/{file.name}", file, move=True), files))
    stage(place, tmp_path, "uploads/2/1")
    assert len({found.key for found in place.staging.list("uploads/1")}) == len(files)
    place.staging.delete("uploads/1")
    assert [found.key for found in place.staging.list()] == ["uploads/2/1"]


def test_put_while_a_neighbour_is_deleted(place: Place, tmp_path: Path) -> None:
    """Deletion takes emptied folders with it, in which others may be about to put something."""
    sources = [tmp_path / f"{number}" for number in range(4)]
    for source in sources:
        source.write_bytes(b"x")

    def put_and_delete(number: int) -> None:
        for _ in range(50):
            place.staging.put(f"uploads/1/{number}", sources[number])
            assert place.staging.size(f"uploads/1/{number}") == 1
            place.staging.delete(f"uploads/1/{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put_and_delete, range(4)))
    assert not list(place.staging.list())


KEYS = ["", "/etc/passwd", "a/", "a//b", "..", "a/../b", "./a", "a b", "a\n", "ü", "a\\b", "a" * 201, "a/" * 400 + "a"]


@pytest.mark.parametrize("key", KEYS)
def test_keys_that_are_none(place: Place, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(ValueError, match="no key"):
        place.staging.put(key, source)
    for verb in (place.staging.open, place.staging.size, place.staging.delete):
        with pytest.raises(ValueError, match="no key"):
            verb(key)


@pytest.mark.parametrize("key", ["a", "A-b_c.d", "a/b/c", ".hidden", "a/..b", "a" * 200, "a/" * 399 + "a"])
def test_keys(place: Place, tmp_path: Path, key: str) -> None:
    stage(place, tmp_path, key)
    assert [found.key for found in place.staging.list(key)] == [key]
