"""What makes two copies of a base the same base: its weights and its tokenizer, by content.

Knows the safetensors file format (https://huggingface.co/docs/safetensors: an 8-byte little-endian header length, a
JSON header, then the tensors' raw bytes) and RFC 8785 JSON. Knows nothing of torch or of model classes, so that the
figure is the same on every device, in every run-time dtype and however the checkpoint is sharded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import rfc8785

from adapterhub import settings
from adapterhub.errors import BackboneError

CHUNK_BYTES = 1 << 20
MAX_HEADER_BYTES = 100_000_000  # the safetensors library's own limit


def checkpoint_files(folder: Path) -> list[Path]:
    """The safetensors files of the checkpoint in `folder`: the shards of its index, or the single file.

    Raises:
        BackboneError: there is no safetensors checkpoint in `folder`.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    raise BackboneError(
        f"{folder} holds no safetensors checkpoint",
        "Name a folder with model.safetensors (or its index and shards); pickle checkpoints are not read.",
    )


def checkpoint_fingerprint(folder: Path) -> str:
    """``sha256:`` over the sorted lines ``name dtype shape sha256(raw bytes)``, each ended by a newline.

    `dtype` is safetensors' own name (``F32``), `shape` a JSON list without spaces (``[384,1536]``), the digest hex.
    The result is cached under the home by the files' identity (path, size, inode, modification time).
    """
    files = checkpoint_files(folder)
    cached = _cache_path(files)
    if cached.is_file():
        return cached.read_text().strip()
    lines = sorted(line for file in files for line in _tensor_lines(file))
    fingerprint = "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    cached.parent.mkdir(parents=True, exist_ok=True)
    temporary = cached.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(fingerprint)
    temporary.replace(cached)
    return fingerprint


def tokenizer_fingerprint(folder: Path) -> str:
    """``sha256:`` over the RFC 8785 form of ``tokenizer.json`` without ``truncation`` and ``padding``.

    Those two record how the tokenizer was last called, not what it is.

    Raises:
        BackboneError: the folder has no ``tokenizer.json``.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise BackboneError(
            f"{folder} holds no tokenizer.json",
            "Load the tokenizer with transformers and save_pretrained() it once, which writes the fast form.",
        )
    document = json.loads(file.read_text(encoding="utf-8"))
    kept = {key: value for key, value in document.items() if key not in ("truncation", "padding")}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(kept)).hexdigest()


def _tensor_lines(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if not 2 <= size <= min(MAX_HEADER_BYTES, file.stat().st_size - 8):
            raise BackboneError(f"{file} is not a safetensors file", "Fetch the base again; this copy is damaged.")
        header = json.loads(stream.read(size))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            stream.seek(8 + size + begin)
            shape = json.dumps(entry["shape"], separators=(",", ":"))
            yield f"{name} {entry['dtype']} {shape} {_digest(stream, end - begin, file)}\n"


def _digest(stream: BinaryIO, length: int, file: Path) -> str:
    digest = hashlib.sha256()
    while length:
        chunk = stream.read(min(CHUNK_BYTES, length))
        if not chunk:
            raise BackboneError(f"{file} ends early", "Fetch the base again; this copy is cut short.")
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest()


def _cache_path(files: list[Path]) -> Path:
    identity = "\n".join(
        f"{file.resolve()} {stat.st_size} {stat.st_ino} {stat.st_mtime_ns}"
        for file, stat in ((file, file.stat()) for file in files)
    )
    return settings.home() / "fingerprints" / hashlib.sha256(identity.encode()).hexdigest()
