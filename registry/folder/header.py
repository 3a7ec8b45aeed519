"""The header of a safetensors file: names, types, shapes and places of its tensors. No tensor is read.

Everything in it is checked against the size of the file, so that no reader of the file can be led outside of it: the
tensors fill the data part exactly, without overlap and without a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from registry.errors import AdmissionRefused

MAX_HEADER_BYTES = 32 << 20  # about 200,000 tensors; safetensors itself reads up to 100 MB
MAX_NAME = 512  # characters
DTYPE_BYTES: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}

Natural = Annotated[int, Meta(ge=0, lt=1 << 53)]


@dataclass(frozen=True)
class Tensor:
    """What a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[tuple[Natural, ...], Meta(max_length=8)]
    data_offsets: tuple[Natural, Natural]


def read_header(file: Path) -> dict[str, Tensor]:
    """Read and check the header of `file`.

    Raises:
        AdmissionRefused: it is not a sound safetensors file.
    """
    total = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if total < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, total - 8):
            raise _unsound(f"its header claims {length:,} bytes of the file's {total:,}")
        entries = _decode(stream.read(length))
    _check_places(entries, total - 8 - length)
    return {name: Tensor(entry.dtype, entry.shape) for name, entry in sorted(entries.items())}


def _decode(data: bytes) -> dict[str, _Entry]:
    try:
        document = msgspec.json.decode(data, type=dict[str, dict[str, Any]])
        document.pop("__metadata__", None)
        return msgspec.convert(document, dict[str, _Entry])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unsound(f"its header cannot be read: {error}") from error


def _check_places(entries: Mapping[str, _Entry], data_bytes: int) -> None:
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        begin, stop = entry.data_offsets
        if len(name) > MAX_NAME:
            raise _unsound(f"a tensor's name has {len(name):,} characters")
        if entry.dtype not in DTYPE_BYTES:
            raise _unsound(f"{name} has the unknown type {entry.dtype}")
        if stop - begin != prod(entry.shape) * DTYPE_BYTES[entry.dtype]:
            raise _unsound(f"{name} {list(entry.shape)} {entry.dtype} does not fit its bytes {begin} to {stop}")
        if begin != end:
            raise _unsound(f"{name} begins at byte {begin}, where byte {end} comes next (an overlap or a gap)")
        end = stop
    if end != data_bytes:
        raise _unsound(
            f"its tensors end at byte {end:,}, its data at {data_bytes:,} (truncated, or something is appended)"
        )


def _unsound(why: str) -> AdmissionRefused:
    return AdmissionRefused(f"adapter_model.safetensors is not sound: {why}", "Save the adapter again.")
