"""safetensors headers, sound and hostile."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import AdmissionRefused
from registry.folder import Tensor, read_header
from tests.registry.folders import safetensors, with_header


def written(folder: Path, data: bytes) -> Path:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(data)
    return file


def entry(begin: int = 0, end: int = 8, shape: Any = (2,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_names_types_and_shapes(tmp_path: Path) -> None:
    file = written(tmp_path, safetensors({"b": [2, 3], "a": [4]}))
    assert read_header(file) == {"a": Tensor("F32", (4,)), "b": Tensor("F32", (2, 3))}
    assert [tensor.size for tensor in read_header(file).values()] == [4, 6]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "claims"),
        (b"\x01", "claims"),
        (struct.pack("<Q", 1 << 62) + b"{}", "claims"),
        (struct.pack("<Q", 3) + b"{}", "claims"),
        (struct.pack("<Q", 0), "claims"),
        (with_header(b"not json"), "cannot be read"),
        (with_header(b"[]"), "cannot be read"),
        (with_header(b'{"a": {"dtype": "\xff"}}'), "cannot be read"),
        (with_header(b"[" * 100_000), "cannot be read"),
        (with_header({"a": {"dtype": "F32", "shape": [2]}}), "data_offsets"),
        (with_header({"a": {**entry(), "code": "x"}}, bytes(8)), "code"),
        (with_header({"a": entry(shape=[-2])}, bytes(8)), "shape"),
        (with_header({"a": entry(shape=[2.5])}, bytes(8)), "shape"),
        (with_header({"a": entry(begin=-8, end=0)}, bytes(8)), "data_offsets"),
        (with_header({"a": entry(dtype="PICKLE")}, bytes(8)), "unknown type"),
        (with_header({"a": entry(shape=[3])}, bytes(8)), "does not fit"),
        (with_header({"a": entry(8, 0)}, bytes(8)), "does not fit"),
        (with_header({"a": entry(shape=[1 << 52, 1 << 52])}, bytes(8)), "does not fit"),
        (with_header({"a": entry(), "b": entry()}, bytes(8)), "overlap"),
        (with_header({"a": entry(), "b": entry(4, 12)}, bytes(12)), "overlap"),
        (with_header({"a": entry(), "b": entry(12, 20)}, bytes(20)), "gap"),
        (with_header({"a": entry()}, bytes(7)), "truncated"),
        (with_header({"a": entry()}, bytes(9)), "appended"),
        (with_header({"a" * 600: entry()}, bytes(8)), "600 characters"),
    ],
)
def test_unsound_files(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(AdmissionRefused, match=what):
        read_header(written(tmp_path, data))


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "adapter_model.safetensors"
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", 1 << 30))
        stream.truncate((1 << 30) + 100)  # sparse
    with pytest.raises(AdmissionRefused, match="claims"):
        read_header(file)


@settings(max_examples=200)
@given(st.data())
def test_any_damage_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    sound = safetensors({"a": [2, 3], "b": [4]})
    position = data.draw(st.integers(0, len(sound) - 1))
    damaged = bytearray(sound)
    damaged[position] = data.draw(st.integers(0, 255))
    file = written(tmp_path_factory.getbasetemp(), bytes(damaged[: data.draw(st.integers(0, len(sound)))]))
    try:
        tensors = read_header(file)
    except AdmissionRefused as error:
        assert error.message.startswith("adapter_model.safetensors")
    else:
        assert sum(tensor.size for tensor in tensors.values()) * 4 <= len(sound)
