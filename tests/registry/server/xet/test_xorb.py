"""Xorbs: every scheme and length, what is refused and at which chunk, and bombs that are not unpacked."""

from __future__ import annotations

import io
import random
import tracemalloc

import lz4.frame
import pytest

from registry.errors import BadUpload
from registry.server.xet import MAX_XORB_BYTES, check_xorb, read_index, unpack
from registry.server.xet.hashes import hash_text, xorb_hash
from registry.server.xet.xorb import MAX_CHUNK_BYTES, MAX_CHUNKS, Scheme
from tests.registry.server.xet.makers import header, make_xorb

CHUNKS = [b"a" * 1000, random.Random(1).randbytes(5), bytes(range(256)) * 13 + b"xyz", b"z"]


@pytest.mark.parametrize("scheme", Scheme)
def test_chunks_come_back(scheme: Scheme) -> None:
    body = io.BytesIO(make_xorb(CHUNKS, scheme))
    index = check_xorb(body, xorb_hash(CHUNKS))
    assert [chunk.number for chunk in index] == [0, 1, 2, 3]
    assert [chunk.unpacked_bytes for chunk in index] == [len(chunk) for chunk in CHUNKS]
    assert list(unpack(body, index)) == CHUNKS
    assert list(unpack(body, index[1:3])) == CHUNKS[1:3]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 4095, MAX_CHUNK_BYTES])
def test_grouped_bytes_of_every_length(size: int) -> None:
    content = random.Random(size).randbytes(size)
    body = io.BytesIO(make_xorb([content], Scheme.GROUPED))
    assert list(unpack(body, read_index(body))) == [content]


def test_a_hash_as_text_is_four_little_endian_numbers() -> None:
    assert hash_text(bytes(range(32)))[:32] == "0706050403020100" + "0f0e0d0c0b0a0908"


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        # As hf_xet 1.8.0 names them; test_client.py compares larger ones. A single chunk's hash is its xorb's.
        ([b"hello"], "9076ba12d998050b9c95c8bf770f943e6cad55c7490a82b76cf1582a2a05c2c2"),
        ([bytes(131072), bytes(82499)], "846da8f3383aeca17811f0b892dd0a21ebecf278fb4505a1bbe14f8d71744775"),
    ],
    ids=["one", "two"],
)
def test_hashes_are_the_clients(chunks: list[bytes], expected: str) -> None:
    assert xorb_hash(chunks) == expected


def test_another_hash_is_refused() -> None:
    with pytest.raises(BadUpload, match=f"have the hash {xorb_hash(CHUNKS)}, and it was sent as {'0' * 64}"):
        check_xorb(io.BytesIO(make_xorb(CHUNKS)), "0" * 64)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it has no chunks"),
        (make_xorb([b"a"]) + b"\0" * 7, "ends inside the header of chunk 1"),
        (make_xorb([b"a", b"b"])[:-1], "ends inside chunk 1"),
        (make_xorb([b"a"]) + header(1, 0, 1, version=88) + b"x", "chunk 1 at byte 24 has the version 88"),
        (header(1, 3, 1) + b"x", "scheme 3"),
        (header(1, 0, 0) + b"x", "unpacks to 0 bytes"),
        (header(1, 1, MAX_CHUNK_BYTES + 1) + b"x", "unpacks to 131073 bytes"),
        (header(0, 0, 1), "0 packed bytes"),
        (header(1 << 18, 1, 1) + bytes(1 << 18), "262144 packed bytes"),
        ((header(1, 0, 1) + b"x") * (MAX_CHUNKS + 1), "more than 8192 chunks"),
        ((header(1, 1, MAX_CHUNK_BYTES) + b"x") * 513, "hold more than 67108864 bytes"),
    ],
)
def test_no_index_of(body: bytes, message: str) -> None:
    with pytest.raises(BadUpload, match=message) as refused:
        read_index(io.BytesIO(body))
    assert refused.value.hint


def test_a_body_that_is_too_large_is_not_read() -> None:
    class Large(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return MAX_XORB_BYTES + 1

        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError

    with pytest.raises(BadUpload, match="67174401 bytes"):
        read_index(Large())


FRAME = lz4.frame.compress(b"a" * 1000)


@pytest.mark.parametrize(
    ("scheme", "packed", "unpacked", "message"),
    [
        (0, b"abc", 4, "does not hold the 4 bytes"),
        (0, b"abcd", 3, "does not hold the 3 bytes"),
        (1, FRAME, 999, "does not hold the 999 bytes"),
        (1, FRAME, 1001, "does not hold the 1001 bytes"),
        (1, FRAME[:-4], 1000, "not exactly one LZ4 frame"),
        (1, FRAME + b"x", 1000, "not exactly one LZ4 frame"),
        (1, FRAME + FRAME, 2000, "not exactly one LZ4 frame"),
        (2, b"x" * 20, 1000, "chunk 0 is no LZ4 frame"),
    ],
)
def test_not_unpacked(scheme: int, packed: bytes, unpacked: int, message: str) -> None:
    body = io.BytesIO(header(len(packed), scheme, unpacked) + packed)
    with pytest.raises(BadUpload, match=message):
        list(unpack(body, read_index(body)))


@pytest.mark.parametrize("scheme", [1, 2])
def test_a_bomb_is_not_unpacked(scheme: int) -> None:
    bomb = lz4.frame.compress(bytes(30_000_000))
    assert len(bomb) < MAX_CHUNK_BYTES
    body = io.BytesIO(header(len(bomb), scheme, 1000) + bomb)
    tracemalloc.start()
    try:
        with pytest.raises(BadUpload, match="does not hold the 1000 bytes"):
            list(unpack(body, read_index(body)))
        assert tracemalloc.get_traced_memory()[1] < 2 * MAX_CHUNK_BYTES
    finally:
        tracemalloc.stop()
