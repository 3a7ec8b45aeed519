"""A xorb: up to 64 MiB of chunks, packed one by one, as a client sends it.

Knows where each chunk is, how to unpack it, and whether the whole is what its hash says. Refuses to hold more than one
chunk at a time, or to unpack more bytes than a chunk's header says.

Format (https://huggingface.co/docs/xet/xorb): chunks, each a header of 8 bytes and its packed bytes::

    version u8 = 0 | packed bytes u24 | scheme u8 | unpacked bytes u24      (little-endian)

The footer that xet-core's own files have is refused: no client sends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from lz4.frame import LZ4FrameDecompressor

from registry.errors import BadUpload
from registry.server.xet.hashes import xorb_hash

# xet-core's constants TARGET_CHUNK_SIZE * 2, MAX_XORB_BYTES and MAX_XORB_CHUNKS.
MAX_CHUNK_BYTES = 128 << 10  # of one chunk, unpacked
MAX_DATA_BYTES = 64 << 20  # of all chunks, unpacked
MAX_CHUNKS = 8 << 10
_HEADER_BYTES = 8
# Of a body: more than 64 MiB, since chunks that do not shrink are sent as they are, each with its header. hf_xet sends
# 67,113,683 bytes for random data.
MAX_XORB_BYTES = MAX_DATA_BYTES + MAX_CHUNKS * _HEADER_BYTES
_MAX_PACKED_BYTES = MAX_CHUNK_BYTES + 1024  # the LZ4 frame of a chunk that does not shrink
_REUPLOAD = "Upload the file again; if that fails too, another version of hf_xet may do."


class Scheme(IntEnum):
    """How a chunk is packed."""

    NONE = 0
    LZ4 = 1  # an LZ4 frame
    GROUPED = 2  # an LZ4 frame of the chunk's bytes 0, 4, 8, …, then 1, 5, 9, …, and so on: good for float32


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a xorb; `start` is the offset of its packed bytes, behind the header."""

    number: int
    start: int
    packed_bytes: int
    scheme: Scheme
    unpacked_bytes: int


def read_index(stream: BinaryIO) -> tuple[Chunk, ...]:
    """Where the chunks of a xorb are, without unpacking any; `stream` is read from its start.

    Raises:
        BadUpload: it is no xorb, ends inside a chunk, or is larger than any client makes one.
    """
    size = stream.seek(0, 2)
    if size > MAX_XORB_BYTES:
        raise _refused(f"it has {size} bytes, and {MAX_XORB_BYTES} are allowed")
    chunks: list[Chunk] = []
    unpacked = position = 0
    while position < size:
        stream.seek(position)
        header = stream.read(_HEADER_BYTES)
        chunk = _parse(header, len(chunks), position)
        position = chunk.start + chunk.packed_bytes
        if position > size:
            raise _refused(f"it ends inside chunk {chunk.number}")
        chunks.append(chunk)
        unpacked += chunk.unpacked_bytes
        if len(chunks) > MAX_CHUNKS:
            raise _refused(f"it has more than {MAX_CHUNKS} chunks")
        if unpacked > MAX_DATA_BYTES:
            raise _refused(f"its chunks hold more than {MAX_DATA_BYTES} bytes")
    if not chunks:
        raise _refused("it has no chunks")
    return tuple(chunks)


def unpack(stream: BinaryIO, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """The contents of `chunks`, which are from the index of `stream`: each as long as its header says.

    Raises:
        BadUpload: a chunk cannot be unpacked, or has another length.
    """
    for chunk in chunks:
        stream.seek(chunk.start)
        packed = stream.read(chunk.packed_bytes)
        content = packed if chunk.scheme is Scheme.NONE else _decompress(packed, chunk)
        if len(content) != chunk.unpacked_bytes:
            raise _refused(f"chunk {chunk.number} does not hold the {chunk.unpacked_bytes} bytes that its header says")
        yield _ungroup(content) if chunk.scheme is Scheme.GROUPED else content


def check_xorb(stream: BinaryIO, expected: str) -> tuple[Chunk, ...]:
    """The index of a xorb all of whose chunks can be unpacked and whose hash is `expected` (64 hexadecimal digits).

    Raises:
        BadUpload: as `read_index` and `unpack` do, or the hash is another.
    """
    index = read_index(stream)
    found = xorb_hash(unpack(stream, index))
    if found != expected:
        raise _refused(f"its chunks have the hash {found}, and it was sent as {expected}")
    return index


def _parse(header: bytes, number: int, position: int) -> Chunk:
    if len(header) < _HEADER_BYTES:
        raise _refused(f"it ends inside the header of chunk {number}")
    version, scheme = header[0], header[4]
    packed, unpacked = int.from_bytes(header[1:4], "little"), int.from_bytes(header[5:8], "little")
    if version != 0:
        raise _refused(f"chunk {number} at byte {position} has the version {version}, and 0 is known")
    if scheme not in tuple(Scheme):
        raise _refused(f"chunk {number} is packed by scheme {scheme}; 0, 1 and 2 are known")
    if not 0 < unpacked <= MAX_CHUNK_BYTES:
        raise _refused(f"chunk {number} unpacks to {unpacked} bytes; a chunk has 1 to {MAX_CHUNK_BYTES}")
    if not 0 < packed <= _MAX_PACKED_BYTES:
        raise _refused(f"chunk {number} has {packed} packed bytes; 1 to {_MAX_PACKED_BYTES} are possible")
    return Chunk(number, position + _HEADER_BYTES, packed, Scheme(scheme), unpacked)


def _decompress(packed: bytes, chunk: Chunk) -> bytes:
    """At most one byte more than the header says: enough to see that there would be more."""
    frame = LZ4FrameDecompressor()
    try:
        content: bytes = frame.decompress(packed, max_length=chunk.unpacked_bytes + 1)
    except RuntimeError as error:  # all that lz4 raises for bytes that are no frame
        raise _refused(f"chunk {chunk.number} is no LZ4 frame ({error})") from error
    if len(content) <= chunk.unpacked_bytes and (not frame.eof or frame.unused_data):
        raise _refused(f"chunk {chunk.number} is not exactly one LZ4 frame")
    return content


def _ungroup(grouped: bytes) -> bytes:
    """Bytes in the order that they had before those of each position modulo 4 were put together."""
    content = bytearray(len(grouped))
    start = 0
    for position in range(4):
        end = start + len(range(position, len(grouped), 4))
        content[position::4] = grouped[start:end]
        start = end
    return bytes(content)


def _refused(what: str) -> BadUpload:
    return BadUpload(f"The uploaded xorb is damaged or unknown: {what}.", _REUPLOAD)
