"""A base by id, folder or GGUF file becomes one resident model with all weights of its checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AlbertModel, AutoModelForCausalLM, AutoTokenizer, BertModel, BigBirdModel

from adapterhub.backbone import Backbone, locate
from adapterhub.errors import BackboneError

MINILM, SMOLLM2 = "sentence-transformers/all-MiniLM-L6-v2", "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_every_weight_of_the_checkpoint_is_resident_and_frozen(tiny_base: Path) -> None:
    backbone = Backbone.load(tiny_base, id="tests/tiny-bert")
    saved = load_file(tiny_base / "model.safetensors")
    resident = dict(backbone.parameters())
    assert set(resident) == set(saved)
    assert all(torch.equal(resident[name], tensor) for name, tensor in saved.items())
    assert not any(parameter.requires_grad for parameter in resident.values())
    assert not backbone.is_decoder and backbone.pooler is not None


@pytest.mark.parametrize("model", [BertModel, AlbertModel, BigBirdModel])
def test_the_pooler_that_is_taken_out_is_the_model_s_own(model: Any, tiny_base: Path, tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    torch.manual_seed(0)
    model(model.config_class(vocab_size=64, attention_type="original_full", **sizes)).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path)
    own = model.from_pretrained(tmp_path).eval()(torch.tensor([[5, 6, 7, 8]]))
    backbone = Backbone.load(tmp_path, id="tests/tiny-pooled")
    assert backbone.pooler is not None
    assert torch.equal(backbone.pooler(own.last_hidden_state), own.pooler_output)
    assert set(dict(backbone.parameters())) == set(load_file(tmp_path / "model.safetensors"))


def test_the_digest_sees_a_single_changed_weight(tiny_base: Path) -> None:
    backbone = Backbone.load(tiny_base, id="tests/tiny-bert")
    before = backbone.digest()
    assert backbone.digest() == before
    with torch.no_grad():
        dict(backbone.parameters())["pooler.dense.bias"][3] += 1e-6
    assert backbone.digest() != before


def test_a_packaged_base_is_found_by_its_hub_id_and_nothing_else_names_it() -> None:
    source = locate(MINILM)
    identity = source.identity()
    assert identity.id == MINILM and identity.architecture == "BertModel" and identity.source is None
    assert identity.fingerprint.startswith("sha256:") and identity.tokenizer_fingerprint.startswith("sha256:")


def test_an_unknown_base_says_what_is_here() -> None:
    with pytest.raises(BackboneError, match="not on this machine") as refusal:
        locate("nobody/nothing")
    assert MINILM in refusal.value.hint and "hf download nobody/nothing" in refusal.value.hint


@pytest.mark.parametrize("name", ["/some/folder", "../escape", "a/b/c", ""])
def test_a_path_is_no_id(name: str) -> None:
    with pytest.raises(BackboneError, match="not a Hub id"):
        locate(name)


def test_an_empty_folder_is_no_base(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="no base at"):
        locate("tests/none", tmp_path)


def test_a_checkpoint_that_does_not_fill_the_model_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    tensors = load_file(copy / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        Backbone.load(copy, id="tests/tiny-bert")


def test_a_pooler_that_the_checkpoint_lacks_is_not_made_up(tiny_base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    tensors = {name: t for name, t in load_file(copy / "model.safetensors").items() if "pooler" not in name}
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    assert Backbone.load(copy, id="tests/tiny-bert").pooler is None


@pytest.mark.slow
def test_a_gguf_decoder_is_converted_once_and_computes_what_transformers_computes() -> None:
    source = locate(SMOLLM2)
    assert source.source == "SmolLM2-135M-Instruct.Q4_1.gguf"
    written = (source.folder / "model.safetensors").stat().st_mtime_ns
    assert (locate(SMOLLM2).folder / "model.safetensors").stat().st_mtime_ns == written
    backbone = Backbone.load(SMOLLM2)
    assert backbone.is_decoder and backbone.lm_head is not None
    assert AutoTokenizer.from_pretrained(source.folder).chat_template
    plain = AutoModelForCausalLM.from_pretrained(source.folder)
    assert all(torch.equal(a, dict(plain.model.named_parameters())[n]) for n, a in backbone.base.named_parameters())
