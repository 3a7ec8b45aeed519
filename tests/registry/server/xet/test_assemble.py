"""Files put together: in any order of xorbs, each opened once; refused where anything differs from what was said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.errors import BadUpload
from registry.server.xet import Assembled, Segment, ShardFile, assemble
from registry.server.xet.xorb import Scheme
from tests.registry.server.xet.makers import Xorbs, file_of

LIMIT = 10_000
NOWHERE = "0" * 64


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def xorbs() -> Xorbs:
    return Xorbs()


def test_segments_of_several_xorbs_in_any_order(xorbs: Xorbs, target: Path) -> None:
    a, b = xorbs.add(b"aa", b"AAA", b"!"), xorbs.add(b"bbbb" * 100, b"B", scheme=Scheme.GROUPED)
    content = b"AAA!" + b"bbbb" * 100 + b"aa" + b"B" + b"AAA!"
    parts = [Segment(a, 1, 3, 4), Segment(b, 0, 1, 400), Segment(a, 0, 1, 2), Segment(b, 1, 2, 1), Segment(a, 1, 3, 4)]
    done = assemble(file_of(content, *parts), target, xorbs.open, max_bytes=LIMIT)
    assert target.read_bytes() == content
    assert done == Assembled(hashlib.sha256(content).hexdigest(), len(content))
    assert sorted(xorbs.opened) == sorted([a, b])


def test_an_empty_file(xorbs: Xorbs, target: Path) -> None:
    assert assemble(file_of(b""), target, xorbs.open, max_bytes=0).size == 0
    assert target.read_bytes() == b""


def test_without_a_sha256_it_is_told(xorbs: Xorbs, target: Path) -> None:
    file = ShardFile(NOWHERE, None, (Segment(xorbs.add(b"abc"), 0, 1, 3),))
    done = assemble(file, target, xorbs.open, max_bytes=LIMIT)
    assert done.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_another_sha256(xorbs: Xorbs, target: Path) -> None:
    file = file_of(b"other", Segment(xorbs.add(b"abc"), 0, 1, 3))
    with pytest.raises(BadUpload, match=f"file {file.sha256} has the sha256 {hashlib.sha256(b'abc').hexdigest()}"):
        assemble(file, target, xorbs.open, max_bytes=LIMIT)


def test_a_missing_xorb_is_named(xorbs: Xorbs, target: Path) -> None:
    file = file_of(b"abcx", Segment(xorbs.add(b"abc"), 0, 1, 3), Segment(NOWHERE, 0, 1, 1))
    with pytest.raises(BadUpload, match=f"xorb {NOWHERE}, which is not here") as refused:
        assemble(file, target, xorbs.open, max_bytes=LIMIT)
    assert "HF_XET_CACHE" in refused.value.hint


@pytest.mark.parametrize("segment", [(0, 1, 3), (0, 2, 4), (0, 3, 5), (1, 2, 2), (2, 3, 1)])
def test_a_segment_that_the_xorb_does_not_have(xorbs: Xorbs, target: Path, segment: tuple[int, int, int]) -> None:
    name = xorbs.add(b"aa", b"bbb")
    with pytest.raises(BadUpload, match=f"chunks {segment[0]} to {segment[1]} of the xorb {name} hold {segment[2]}"):
        assemble(file_of(b"", Segment(name, *segment)), target, xorbs.open, max_bytes=LIMIT)


def test_a_damaged_xorb(xorbs: Xorbs, target: Path) -> None:
    name = xorbs.add(b"a" * 100)
    xorbs[name] = xorbs[name][:-1]
    with pytest.raises(BadUpload, match="ends inside chunk 0"):
        assemble(file_of(b"", Segment(name, 0, 1, 100)), target, xorbs.open, max_bytes=LIMIT)


def test_small_shards_of_large_files_are_refused_before_anything_is_written(xorbs: Xorbs, target: Path) -> None:
    file = file_of(b"", *[Segment(xorbs.add(bytes(1000)), 0, 1, 1000)] * 11)
    with pytest.raises(BadUpload, match="has 11000 bytes, and 10000 are allowed"):
        assemble(file, target, xorbs.open, max_bytes=LIMIT)
    assert not target.exists()
    assert xorbs.opened == []


def test_nothing_is_overwritten(xorbs: Xorbs, target: Path) -> None:
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        assemble(file_of(b""), target, xorbs.open, max_bytes=LIMIT)
    assert target.read_bytes() == b"mine"
