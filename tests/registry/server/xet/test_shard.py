"""Shards: what they say comes back, and what cannot be is refused at its place."""

from __future__ import annotations

import io
import struct

import pytest

from registry.errors import BadUpload
from registry.server.xet import Segment, ShardFile, read_shard
from registry.server.xet.shard import MAX_FILES, MAX_SEGMENTS
from tests.registry.server.xet.makers import BOTH, END, TAG, make_shard

A, B = "0123456789abcdef" * 4, "fedcba9876543210" * 4
FILES = (
    ShardFile(A, B, (Segment(A, 0, 3, 1000), Segment(B, 7, 8, 5), Segment(A, 0, 1, 1))),
    ShardFile(B, A, ()),
)


def test_files_come_back() -> None:
    assert read_shard(io.BytesIO(make_shard(FILES))) == FILES
    assert [file.size for file in FILES] == [1006, 0]


def test_no_files() -> None:
    assert read_shard(io.BytesIO(make_shard([]))) == ()


@pytest.mark.parametrize("flags", [0, 1 << 31])
def test_without_a_sha256(flags: int) -> None:
    (file,) = read_shard(io.BytesIO(make_shard(FILES[:1], flags=flags)))
    assert file == ShardFile(A, None, FILES[0].segments)


def one(start: int, end: int, unpacked: int) -> bytes:
    return make_shard([ShardFile(A, B, (Segment(A, start, end, unpacked),))])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "ends inside its header"),
        (b"x" * 96, "does not start as a shard does"),
        (make_shard([], version=3), "version 3, and 2 is known"),
        (make_shard(FILES)[:48], "ends inside file 0"),
        (make_shard(FILES)[:100], "ends inside segment 0 of file 0"),
        (make_shard(FILES)[: 48 * 5 + 1], "ends inside verification 0 of file 0"),
        (make_shard(FILES)[: 48 * 8 + 40], "ends inside the sha256 of file 0"),
        (make_shard(FILES)[: 48 * 11], "ends inside file 2"),
        (make_shard(FILES, flags=BOTH | 1), "file 0 has the flags 0xc0000001"),
        (one(3, 3, 1), "goes from chunk 3 to 3"),
        (one(4, 3, 1), "goes from chunk 4 to 3"),
        (one(0, 8193, 8193), "at most 8192"),
        (one(0, 2, 1), "has 1 bytes in 2 chunks"),
        (one(0, 1, 131073), "segment 0 of file 0 has 131073 bytes in 1 chunks"),
    ],
)
def test_refused(body: bytes, message: str) -> None:
    with pytest.raises(BadUpload, match=message) as refused:
        read_shard(io.BytesIO(body))
    assert refused.value.hint


def test_a_count_is_refused_before_anything_is_read_for_it() -> None:
    stream = io.BytesIO(TAG + struct.pack("<QQ", 2, 0) + bytes(32) + struct.pack("<II8x", BOTH, MAX_SEGMENTS + 1) + END)
    with pytest.raises(BadUpload, match="more than 262144 segments"):
        read_shard(stream)
    assert stream.tell() == 96


def test_segments_of_all_files_are_counted_together() -> None:
    half = ShardFile(A, B, (Segment(A, 0, 1, 1),) * (MAX_SEGMENTS // 2))
    with pytest.raises(BadUpload, match="at file 2 it has more than 262144 segments"):
        read_shard(io.BytesIO(make_shard([half, half, FILES[0]], flags=0)))


def test_too_many_files() -> None:
    body = make_shard([])[:48] + (bytes(32) + struct.pack("<II8x", 0, 0)) * (MAX_FILES + 1)
    with pytest.raises(BadUpload, match="more than 65536 files"):
        read_shard(io.BytesIO(body))
