"""Xorbs and shards made here: the plain twin of what the package reads, and the way to those that no client sends."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterable
from typing import BinaryIO

import lz4.frame

from registry.server.xet import Segment, ShardFile
from registry.server.xet.hashes import xorb_hash
from registry.server.xet.xorb import Scheme

TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
END = b"\xff" * 32 + bytes(16)
BOTH = 0xC0000000  # flags: verification entries and a metadata entry


def pack(content: bytes, scheme: Scheme) -> bytes:
    """The packed bytes of a chunk."""
    if scheme is Scheme.GROUPED:
        content = b"".join(content[position::4] for position in range(4))
    return content if scheme is Scheme.NONE else lz4.frame.compress(content, store_size=False)


def header(packed: int, scheme: int, unpacked: int, version: int = 0) -> bytes:
    """A chunk's header."""
    return bytes([version, *packed.to_bytes(3, "little"), scheme, *unpacked.to_bytes(3, "little")])


def make_xorb(chunks: Iterable[bytes], scheme: Scheme = Scheme.LZ4) -> bytes:
    """A xorb of these chunks."""
    body = b""
    for content in chunks:
        packed = pack(content, scheme)
        body += header(len(packed), scheme, len(content)) + packed
    return body


def raw_hash(text: str) -> bytes:
    """The 32 bytes of a hash's text."""
    return struct.pack("<4Q", *(int(text[start : start + 16], 16) for start in range(0, 64, 16)))


def make_shard(files: Iterable[ShardFile], flags: int = BOTH, version: int = 2) -> bytes:
    """A shard as hf_xet sends it, without the section on xorbs."""
    body = bytearray(TAG + struct.pack("<QQ", version, 0))
    for file in files:
        body += raw_hash(file.file_hash) + struct.pack("<II8x", flags, len(file.segments))
        for part in file.segments:
            body += raw_hash(part.xorb)
            body += struct.pack("<IIII", 0, part.unpacked_bytes, part.chunk_start, part.chunk_end)
        body += bytes(48) * len(file.segments) * (flags >> 31)
        if flags & (1 << 30):
            body += raw_hash(file.sha256 or "0" * 64) + bytes(16)
    return bytes(body + END + END)


class Xorbs(dict[str, bytes]):
    """Xorbs by hash: `open` is what `assemble` asks for, and `opened` what it asked for."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def add(self, *chunks: bytes, scheme: Scheme = Scheme.LZ4) -> str:
        """Keep a xorb of these chunks; its hash."""
        name = xorb_hash(chunks)
        self[name] = make_xorb(chunks, scheme)
        return name

    def open(self, name: str) -> BinaryIO:
        self.opened.append(name)
        if name not in self:
            raise FileNotFoundError(name)
        return io.BytesIO(self[name])


def file_of(content: bytes, *segments: Segment) -> ShardFile:
    """A file that a shard says to have this content."""
    return ShardFile("f" * 63 + "0", hashlib.sha256(content).hexdigest(), segments)
