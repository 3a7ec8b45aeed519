"""A file put together from the xorbs that a shard names, and compared with the sha256 that the shard gives it.

Each xorb is opened once, however often the file jumps between xorbs: where a segment belongs is known beforehand, so a
xorb's segments are all written while it is open. Holds one chunk and one xorb's index at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from registry.errors import BadUpload
from registry.server.xet.shard import Segment, ShardFile
from registry.server.xet.xorb import read_index, unpack

_REUPLOAD = "Upload the file again."


@dataclass(frozen=True)
class Assembled:
    """What was written: 64 hexadecimal digits, and bytes."""

    sha256: str
    size: int


def assemble(file: ShardFile, target: Path, open_xorb: Callable[[str], BinaryIO], *, max_bytes: int) -> Assembled:
    """Write `file` to `target`, which must not exist, and is of no use where the file is refused: use a scratch folder.

    Args:
        file: From `read_shard`.
        target: Not synced: that is up to who renames it into place.
        open_xorb: A seekable stream of the xorb of that hash, which is closed here; FileNotFoundError where there is
            none. The xorbs need not have been checked.
        max_bytes: The largest file allowed. Some bytes of a shard can name any number of bytes of one xorb, so only
            this bounds what is written.

    Raises:
        BadUpload: a xorb is missing or damaged, it has other chunks than the shard says, or the sha256 is another.
    """
    if file.size > max_bytes:
        raise BadUpload(f"{_name(file)} has {file.size} bytes, and {max_bytes} are allowed.", "Upload a smaller file.")
    with target.open("xb+") as stream:
        for xorb, places in _by_xorb(file).items():
            _copy(xorb, places, stream, open_xorb)
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if file.sha256 is not None and sha256 != file.sha256:
        raise BadUpload(f"{_name(file)} has the sha256 {sha256} when it is put together.", _REUPLOAD)
    return Assembled(sha256, file.size)


def _by_xorb(file: ShardFile) -> dict[str, list[tuple[int, Segment]]]:
    """(offset in the file, segment) of each xorb."""
    found: dict[str, list[tuple[int, Segment]]] = {}
    offset = 0
    for segment in file.segments:
        found.setdefault(segment.xorb, []).append((offset, segment))
        offset += segment.unpacked_bytes
    return found


def _copy(
    xorb: str, places: Sequence[tuple[int, Segment]], target: BinaryIO, open_xorb: Callable[[str], BinaryIO]
) -> None:
    """Write the segments of one xorb where they belong."""
    try:
        source = open_xorb(xorb)
    except FileNotFoundError as error:
        raise BadUpload(
            f"The uploaded shard names the xorb {xorb}, which is not here.",
            "Upload the file again with an empty HF_XET_CACHE: hf_xet does not send again what it once sent.",
        ) from error
    with source:
        index = read_index(source)
        for offset, segment in places:
            chunks = index[segment.chunk_start : segment.chunk_end]
            size = sum(chunk.unpacked_bytes for chunk in chunks)
            if size != segment.unpacked_bytes or segment.chunk_end > len(index):
                raise BadUpload(
                    f"The uploaded shard says that chunks {segment.chunk_start} to {segment.chunk_end} of the xorb "
                    f"{xorb} hold {segment.unpacked_bytes} bytes; they hold {size}, and it has {len(index)} chunks.",
                    _REUPLOAD,
                )
            target.seek(offset)
            for content in unpack(source, chunks):
                target.write(content)


def _name(file: ShardFile) -> str:
    return f"The uploaded file {file.sha256 or file.file_hash}"
