"""A shard: of which chunks of which xorbs the uploaded files are made.

Reads its first section, on files. What follows (the chunks of the new xorbs, a footer) serves clients that look for
chunks to leave out, which is not covered; it is not read.

Format (https://huggingface.co/docs/xet/shard): a header of 48 bytes, then entries of 48 bytes, little-endian::

    header        tag [32] | version u64 = 2 | footer bytes u64
    file          hash [32] | flags u32 | segments u32 | 8 unused
    segment       xorb hash [32] | flags u32 | unpacked bytes u32 | first chunk u32 | behind the last chunk u32
    verification  hash [32] | 16 unused          one a segment, where the file has flag 31
    metadata      sha256 [32] | 16 unused        one a file, where it has flag 30
    end           FF [32] | 16 unused            in place of a file
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from registry.errors import BadUpload
from registry.server.xet.hashes import hash_text
from registry.server.xet.xorb import MAX_CHUNK_BYTES, MAX_CHUNKS

MAX_SHARD_BYTES = 64 << 20  # xet-core's MDB_SHARD_MAX_TARGET_SIZE: a client merges shards up to it
MAX_FILES = 1 << 16  # in a shard; with the next, what bounds the memory that reading takes (about 100 MB)
MAX_SEGMENTS = (
    1 << 18
)  # in a shard; clients aim at segments of 1 MiB and make none below a chunk, but for a file's last

_TAG = b"HFRepoMetaData\x00" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
_VERSION = 2
_HEADER = struct.Struct("<32sQQ")
_FILE = struct.Struct("<32sII8x")
_SEGMENT = struct.Struct("<32sIIII")
_HASH = struct.Struct("<32s16x")
_END = b"\xff" * 32
_WITH_VERIFICATION = 1 << 31
_WITH_METADATA = 1 << 30


@dataclass(frozen=True, slots=True)
class Segment:
    """Chunks `chunk_start` to `chunk_end` (exclusive) of a xorb, `unpacked_bytes` in all."""

    xorb: str
    chunk_start: int
    chunk_end: int
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file: its segments one behind the other. Hashes are 64 hexadecimal digits; `file_hash` is Xet's own."""

    file_hash: str
    sha256: str | None  # as the client says; None where it does not
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """Bytes, as the client says."""
        return sum(segment.unpacked_bytes for segment in self.segments)


def read_shard(stream: BinaryIO) -> tuple[ShardFile, ...]:
    """The files of a shard, in its order; `stream` is read from where it is.

    Raises:
        BadUpload: it is no shard, ends too early, or says what cannot be.
    """
    tag, version, _ = _HEADER.unpack(_read(stream, _HEADER.size, "its header"))
    if tag != _TAG:
        raise _refused("it does not start as a shard does")
    if version != _VERSION:
        raise _refused(f"it has the version {version}, and {_VERSION} is known")
    files: list[ShardFile] = []
    xorbs: dict[bytes, str] = {}
    left = MAX_SEGMENTS
    while (entry := _read(stream, _FILE.size, f"file {len(files)}"))[:32] != _END:
        if len(files) == MAX_FILES:
            raise _refused(f"it has more than {MAX_FILES} files")
        files.append(_read_file(stream, entry, f"file {len(files)}", left, xorbs))
        left -= len(files[-1].segments)
    return tuple(files)


def _read_file(stream: BinaryIO, entry: bytes, place: str, left: int, xorbs: dict[bytes, str]) -> ShardFile:
    """The file that starts with `entry`; `left` segments are allowed, `xorbs` keeps one text a hash."""
    file_hash, flags, count = _FILE.unpack(entry)
    if flags & ~(_WITH_VERIFICATION | _WITH_METADATA):  # they would tell of entries whose form is not known
        raise _refused(f"{place} has the flags {flags:#010x}; bits 31 and 30 are known")
    if count > left:
        raise _refused(f"at {place} it has more than {MAX_SEGMENTS} segments")
    segments = tuple(_read_segment(stream, f"segment {number} of {place}", xorbs) for number in range(count))
    if flags & _WITH_VERIFICATION:  # says less than the sha256, which is compared when the file is put together
        for number in range(count):
            _read(stream, _HASH.size, f"verification {number} of {place}")
    sha256 = None
    if flags & _WITH_METADATA:
        (raw,) = _HASH.unpack(_read(stream, _HASH.size, f"the sha256 of {place}"))
        sha256 = hash_text(raw)
    return ShardFile(hash_text(file_hash), sha256, segments)


def _read_segment(stream: BinaryIO, place: str, xorbs: dict[bytes, str]) -> Segment:
    raw, _, unpacked, start, end = _SEGMENT.unpack(_read(stream, _SEGMENT.size, place))
    if not start < end <= MAX_CHUNKS:
        raise _refused(f"{place} goes from chunk {start} to {end}; a xorb has at most {MAX_CHUNKS}")
    if not end - start <= unpacked <= (end - start) * MAX_CHUNK_BYTES:
        raise _refused(f"{place} has {unpacked} bytes in {end - start} chunks of 1 to {MAX_CHUNK_BYTES}")
    if raw not in xorbs:
        xorbs[raw] = hash_text(raw)
    return Segment(xorbs[raw], start, end, unpacked)


def _read(stream: BinaryIO, size: int, what: str) -> bytes:
    read = stream.read(size)
    if len(read) != size:
        raise _refused(f"it ends inside {what}")
    return read


def _refused(what: str) -> BadUpload:
    return BadUpload(
        f"The uploaded shard is damaged or unknown: {what}.",
        "Upload the files again; if that fails too, another version of hf_xet may do.",
    )
