"""Blobs in a folder and in a bucket: whole or not at all, and never other bytes than their name says.

The bucket is moto's, on this machine (``conftest.s3``). What only a real one does is not covered: refused signatures,
throttling, connections that break in the middle.
"""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.errors import CorruptBlob
from registry.store import Stored
from registry.store.bucket import PART, part_size
from registry.store.objects import CHUNK
from tests.registry.places import Place
from tests.registry.processes import Worker, at_once

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
LARGE = bytes(range(251)) * (10 * CHUNK // 251)  # a bucket takes it in two parts


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(DATA)
    return file


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large"
    file.write_bytes(LARGE)
    return file


@pytest.mark.parametrize("data", [b"", b"x", DATA, LARGE], ids=len)
def test_put_and_copy(place: Place, tmp_path: Path, data: bytes) -> None:
    source, sha256 = tmp_path / "source", sha256_of(data)
    source.write_bytes(data)
    place.blobs.put(source, sha256)
    assert source.read_bytes() == data
    assert place.blobs.holds(sha256)
    assert place.blobs.size(sha256) == len(data)
    assert place.blobs.copy(sha256, len(data), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    assert b"".join(place.blobs.read(sha256, 0, len(data))) == data
    assert not place.left_over()


def test_where_blobs_are_files(place: Place, source: Path) -> None:
    place.blobs.put(source, SHA256)
    path = place.blobs.path(SHA256)
    if place.in_bucket:
        assert path is None
    else:
        assert path == Path(place.location) / "blobs" / SHA256[:2] / SHA256
        assert path.read_bytes() == DATA


@pytest.mark.parametrize("move", [False, True])
def test_a_source_that_changed_is_not_stored(place: Place, source: Path, move: bool) -> None:
    source.write_bytes(DATA + b"x")
    with pytest.raises(CorruptBlob, match="source changed"):
        place.blobs.put(source, SHA256, move=move)
    assert source.read_bytes() == DATA + b"x"
    assert place.blobs.size(SHA256) is None
    assert not list(place.blobs.list())
    assert not place.left_over()


@pytest.mark.parametrize("move", [False, True])
def test_a_source_that_is_not_there(place: Place, tmp_path: Path, move: bool) -> None:
    with pytest.raises(FileNotFoundError):
        place.blobs.put(tmp_path / "source", SHA256, move=move)


def test_a_source_may_be_moved_in(place: Place, source: Path) -> None:
    """However old it is, the blob was put now: what collects garbage must not take it for forgotten."""
    os.utime(source, (0, 0))
    inode = source.stat().st_ino
    before = datetime.now(UTC) - timedelta(seconds=2)
    place.blobs.put(source, SHA256, move=True)
    ((sha256, size, modified),) = place.blobs.list()
    assert (sha256, size) == (SHA256, len(DATA))
    assert modified >= before
    path = place.blobs.path(SHA256)
    assert path is None or path.stat().st_ino == inode


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system, here /dev/shm")
def test_a_source_on_another_file_system_is_moved_in_by_copying(place: Place) -> None:
    source = Path("/dev/shm") / f"adapterhub-{os.getpid()}"
    source.write_bytes(DATA)
    try:
        place.blobs.put(source, SHA256, move=True)
    finally:
        source.unlink(missing_ok=True)
    assert place.blobs.holds(SHA256)
    assert not place.left_over()


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA[:-1] + b"x", DATA + b"x"])
def test_damage_is_seen_and_put_repairs_it(place: Place, source: Path, tmp_path: Path, damage: bytes) -> None:
    place.blobs.put(source, SHA256)
    place.overwrite(SHA256, damage)
    assert not place.blobs.holds(SHA256)
    assert not place.blobs.copy(SHA256, len(DATA), tmp_path / "copy")
    place.blobs.put(source, SHA256)
    assert place.blobs.copy(SHA256, len(DATA), tmp_path / "copy")


def test_a_blob_that_is_not_there(place: Place, tmp_path: Path) -> None:
    assert not place.blobs.holds(SHA256)
    assert place.blobs.size(SHA256) is None
    assert not place.blobs.copy(SHA256, len(DATA), tmp_path / "copy")
    with pytest.raises(CorruptBlob, match="is not there, or ends before byte 5"):
        place.blobs.read(SHA256, 0, 5)
    place.blobs.delete(SHA256)


def test_copying_to_a_folder_that_is_not_there(place: Place, source: Path, tmp_path: Path) -> None:
    place.blobs.put(source, SHA256)
    with pytest.raises(FileNotFoundError):
        place.blobs.copy(SHA256, len(DATA), tmp_path / "nowhere" / "copy")


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, SHA256 + "\n"])
def test_only_digests_name_blobs(place: Place, source: Path, name: str) -> None:
    for verb in (place.blobs.path, place.blobs.size, place.blobs.holds, place.blobs.delete):
        with pytest.raises(ValueError, match="not a sha256"):
            verb(name)
    with pytest.raises(ValueError, match="not a sha256"):
        place.blobs.put(source, name)
    with pytest.raises(ValueError, match="not a sha256"):
        place.blobs.read(name, 0, 1)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 5), (CHUNK - 1, 3 * CHUNK + 1), (len(LARGE) - 3, len(LARGE))])
def test_ranges(place: Place, large: Path, start: int, stop: int) -> None:
    place.blobs.put(large, sha256_of(LARGE))
    pieces = list(place.blobs.read(sha256_of(LARGE), start, stop))
    assert b"".join(pieces) == LARGE[start:stop]
    assert all(type(piece) is bytes for piece in pieces)


def test_reading_holds_little_at_once(place: Place, large: Path) -> None:
    place.blobs.put(large, sha256_of(LARGE))
    assert max(map(len, place.blobs.read(sha256_of(LARGE), 0, len(LARGE)))) < 2 * CHUNK


@pytest.mark.parametrize(("start", "stop"), [(0, len(DATA) + 1), (len(DATA), len(DATA) + 5), (len(DATA) + 5, 1 << 40)])
def test_a_range_beyond_the_end_is_refused_before_its_first_byte(
    place: Place, source: Path, start: int, stop: int
) -> None:
    place.blobs.put(source, SHA256)
    with pytest.raises(CorruptBlob, match="ends before byte"):
        place.blobs.read(SHA256, start, stop)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4)])
def test_a_range_that_is_none(place: Place, source: Path, start: int, stop: int) -> None:
    place.blobs.put(source, SHA256)
    with pytest.raises(ValueError, match="there are no bytes from"):
        place.blobs.read(SHA256, start, stop)


def test_delete(place: Place, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    place.blobs.put(source, SHA256)
    place.blobs.put(other, sha256_of(b"other"))
    place.blobs.delete(SHA256)
    assert not place.blobs.holds(SHA256)
    assert [found.key for found in place.blobs.list()] == [sha256_of(b"other")]
    place.blobs.put(source, SHA256)
    assert place.blobs.holds(SHA256)


@pytest.mark.parametrize("size", [1, PART * 10_000, 5 << 40])
def test_the_largest_object_of_s3_has_not_too_many_parts(size: int) -> None:
    assert PART <= part_size(size) <= 5 << 30
    assert size / part_size(size) <= 10_000


@pytest.mark.slow
def test_list_is_whole_beyond_a_page(place: Place, tmp_path: Path) -> None:
    """S3 lists a thousand at once. What is no blob, or lies where no blob of its name does, is left out."""
    expected = {}
    for number in range(1_005):
        sha256 = sha256_of(b"%d" % number)
        expected[sha256] = tmp_path / sha256
        expected[sha256].write_bytes(b"%d" % number)
    stranger, misplaced = tmp_path / "stranger", tmp_path / "misplaced"
    stranger.write_bytes(b"x")
    misplaced.write_bytes(b"x")
    sizes = {sha256: file.stat().st_size for sha256, file in expected.items()}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: place.blobs.put(one[1], one[0], move=True), expected.items()))
    place.objects.put("blobs/aa/README", stranger)
    place.objects.put(f"blobs/zz/{SHA256}", misplaced)
    found = list(place.blobs.list())
    assert len(found) == len(expected)
    assert {one.key: one.size for one in found} == sizes
    assert all(isinstance(one, Stored) and one.modified.utcoffset() == timedelta(0) for one in found)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(place.blobs.delete, expected))
    assert not list(place.blobs.list())


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_link_is_no_blob(place: Place, source: Path) -> None:
    path = place.blobs.path(SHA256)
    assert path is not None
    path.parent.mkdir(parents=True)
    path.symlink_to(source)
    assert not place.blobs.holds(SHA256)
    assert not list(place.blobs.list())
    place.blobs.put(source, SHA256)
    assert not path.is_symlink()
    assert place.blobs.holds(SHA256)


def test_readers_never_see_a_part_while_others_put(place: Place, large: Path, tmp_path: Path) -> None:
    sha256 = sha256_of(LARGE)
    place.blobs.put(large, sha256)
    writers = [threading.Thread(target=lambda: [place.blobs.put(large, sha256) for _ in range(5)]) for _ in range(3)]
    for writer in writers:
        writer.start()
    seen = [place.blobs.copy(sha256, len(LARGE), tmp_path / "copy") for _ in range(20)]
    for writer in writers:
        writer.join()
    assert all(seen)
    assert not place.left_over()


def test_put_while_others_delete_it(place: Place, source: Path) -> None:
    """The folder of a blob goes with its last one: neither side may fail for it."""

    def put(_: int) -> None:
        place.blobs.put(source, SHA256)

    def delete(_: int) -> None:
        place.blobs.delete(SHA256)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: (put if number % 2 else delete)(number), range(200)))
    put(0)
    assert place.blobs.holds(SHA256)


def test_processes_put_one_blob_at_once(place: Place, large: Path, tmp_path: Path) -> None:
    arguments = {"location": place.location, "source": large, "sha256": sha256_of(LARGE), "times": 5}
    at_once([Worker("put_blob", scratch=tmp_path / f"scratch{n}", **arguments) for n in range(3)])
    assert [found.key for found in place.blobs.list()] == [sha256_of(LARGE)]
    assert place.blobs.holds(sha256_of(LARGE))
    assert not place.left_over()
