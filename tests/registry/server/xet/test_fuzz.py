"""Whatever bytes are uploaded: they are read, or refused with a place and an advice; nothing else happens."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BadUpload
from registry.server.xet import Segment, assemble, check_xorb, read_index, read_shard, unpack
from registry.server.xet.xorb import Scheme
from tests.registry.server.xet.makers import TAG, Xorbs, file_of, header, make_shard, make_xorb

CHUNKS = [b"adapter " * 40, random.Random(0).randbytes(33), b"x", bytes(5000)]
XORBS = [make_xorb(CHUNKS, scheme) for scheme in Scheme]
STORE = Xorbs()
PARTS = [STORE.add(*CHUNKS), STORE.add(b"one", b"two", scheme=Scheme.GROUPED)]
CONTENT = b"".join(CHUNKS) + b"two" + CHUNKS[2]
FILE = file_of(CONTENT, Segment(PARTS[0], 0, 4, 5354), Segment(PARTS[1], 1, 2, 3), Segment(PARTS[0], 2, 3, 1))
SHARD = make_shard([FILE, file_of(b"one", Segment(PARTS[1], 0, 1, 3))])


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """`body` with bytes changed, put in or taken out, or cut short."""
    changed = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(changed)))
        kind = draw(st.sampled_from(["flip", "set", "insert", "remove", "cut"]))
        if kind == "flip" and place < len(changed):
            changed[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            odd = draw(st.sampled_from([b"\0", b"\xff", b"\xff\xff\xff", b"\xff" * 32, bytes(48)]))
            changed[place : place + len(odd)] = odd
        elif kind == "insert":
            changed[place:place] = draw(st.binary(max_size=50))
        elif kind == "remove":
            del changed[place : place + draw(st.integers(1, 50))]
        elif kind == "cut":
            del changed[place:]
    return bytes(changed)


headers = st.builds(header, st.integers(0, 40), st.integers(0, 3), st.integers(0, 1 << 18))
bodies = st.binary(max_size=300) | st.lists(headers | st.binary(max_size=40), max_size=8).map(b"".join)


def judged(error: BadUpload) -> None:
    assert error.message
    assert error.hint


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(XORBS).flatmap(damaged) | bodies)
def test_any_xorb(body: bytes) -> None:
    stream = io.BytesIO(body)
    try:
        index = read_index(stream)
        for chunk, content in zip(index, unpack(stream, index), strict=True):
            assert len(content) == chunk.unpacked_bytes
        assert len(index) <= len(body) // 9
    except BadUpload as error:
        judged(error)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_xorb_that_passes_its_hash_has_its_content(data: st.DataObject) -> None:
    body = data.draw(damaged(STORE[PARTS[0]]))
    try:
        index = check_xorb(io.BytesIO(body), PARTS[0])
        assert list(unpack(io.BytesIO(body), index)) == CHUNKS
    except BadUpload as error:
        judged(error)


@settings(max_examples=300, deadline=None)
@given(damaged(SHARD) | bodies | bodies.map(lambda body: TAG + b"\2" + bytes(15) + body))
def test_any_shard(body: bytes) -> None:
    try:
        files = read_shard(io.BytesIO(body))
        assert sum(1 + len(file.segments) for file in files) <= len(body) // 48
    except BadUpload as error:
        judged(error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=200, deadline=None)
@given(damaged(SHARD), damaged(STORE[PARTS[0]]) | st.just(STORE[PARTS[0]]))
def test_any_file(folder: Path, shard: bytes, xorb: bytes) -> None:
    store = Xorbs()
    store |= {**STORE, PARTS[0]: xorb}
    try:
        for file in read_shard(io.BytesIO(shard)):
            (folder / "file").unlink(missing_ok=True)
            done = assemble(file, folder / "file", store.open, max_bytes=1 << 20)
            assert done.size == (folder / "file").stat().st_size == file.size
            assert file.sha256 in (None, done.sha256)
    except BadUpload as error:
        judged(error)
