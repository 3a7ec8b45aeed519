"""A base is the same base by content alone: not by file name, sharding or what the tokenizer was last used for."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from adapterhub.backbone.fingerprint import checkpoint_fingerprint, tokenizer_fingerprint
from adapterhub.errors import BackboneError


def reshard(folder: Path) -> None:
    """Split the checkpoint into two files and an index, as large bases come."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in shards.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    weight_map = {name: file for file, part in shards.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "model.safetensors").unlink()


def test_the_fingerprint_is_the_documented_formula(tiny_base: Path) -> None:
    lines = sorted(
        f"{name} F32 {json.dumps(list(tensor.shape), separators=(',', ':'))} "
        f"{hashlib.sha256(tensor.tobytes()).hexdigest()}\n"
        for name, tensor in load_file(tiny_base / "model.safetensors").items()
    )
    expected = "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    assert checkpoint_fingerprint(tiny_base) == expected
    assert checkpoint_fingerprint(tiny_base) == expected  # from the cache


def test_sharding_does_not_change_it_and_one_bit_does(tiny_base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "sharded"))
    reshard(copy)
    assert checkpoint_fingerprint(copy) == checkpoint_fingerprint(tiny_base)
    altered = Path(shutil.copytree(tiny_base, tmp_path / "altered"))
    file = altered / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert checkpoint_fingerprint(altered) != checkpoint_fingerprint(tiny_base)


def test_a_changed_file_is_hashed_anew_under_the_same_path(tiny_base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    before = checkpoint_fingerprint(copy)
    tensors = load_file(copy / "model.safetensors")
    tensors["pooler.dense.bias"] = tensors["pooler.dense.bias"] + 1
    (copy / "model.safetensors").unlink()
    save_file(tensors, copy / "model.safetensors")
    assert checkpoint_fingerprint(copy) != before


def test_the_tokenizer_is_its_vocabulary_not_its_last_use(tiny_base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    file = copy / "tokenizer.json"
    document = json.loads(file.read_text())
    document["truncation"] = {"max_length": 7, "stride": 0, "strategy": "LongestFirst", "direction": "Right"}
    file.write_text(json.dumps(document, indent=4))
    assert tokenizer_fingerprint(copy) == tokenizer_fingerprint(tiny_base)
    document["model"]["vocab"]["hello"], document["model"]["vocab"]["joke"] = 1, 2
    file.write_text(json.dumps(document))
    assert tokenizer_fingerprint(copy) != tokenizer_fingerprint(tiny_base)


@pytest.mark.parametrize("damage", ["missing", "cut short", "no header"])
def test_a_damaged_checkpoint_is_refused_by_name(tiny_base: Path, tmp_path: Path, damage: str) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    file = copy / "model.safetensors"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-10] if damage == "cut short" else b"\xff" * 100)
    with pytest.raises(BackboneError, match="copy") as refusal:
        checkpoint_fingerprint(copy)
    assert refusal.value.hint
