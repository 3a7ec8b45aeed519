"""Admission by bytes: what becomes a version, and each thing that does not, named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from registry import Facts, Manifest
from registry.admit import Admission, admit
from registry.errors import AdmissionRefused, ManifestError, RegistryError
from registry.folder import check_path, survey
from registry.manifest import complete
from tests.registry.folders import (
    FACTS,
    HEAD_ALONE,
    HIDDEN,
    IA3,
    LORA,
    PREFIX,
    PROMPT,
    head,
    ia3_shapes,
    lora_shapes,
    module,
    prefix_shapes,
    write_adapter,
)

FIRST = module(0)


def admitted(folder: Path, facts: Facts | None = FACTS) -> Admission:
    return admit(survey(folder).files, facts)


def refusal(folder: Path, facts: Facts | None = FACTS) -> str:
    with pytest.raises(RegistryError) as refused:
        admitted(folder, facts)
    assert isinstance(refused.value, AdmissionRefused | ManifestError)
    assert refused.value.hint
    return refused.value.message


def without(shapes: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: shape for name, shape in shapes.items() if name not in names}


def dora_shapes() -> dict[str, Any]:
    parts = {
        name.replace("lora_A.weight", "lora_magnitude_vector"): [HIDDEN] for name in lora_shapes() if "lora_A" in name
    }
    return {**lora_shapes(), **parts}


def bias_shapes() -> dict[str, Any]:
    return {**lora_shapes(), **{n.replace("A.weight", "B.bias"): [HIDDEN] for n in lora_shapes() if "lora_A" in n}}


def embedding_shapes() -> dict[str, Any]:
    words = "base_model.model.bert.embeddings.word_embeddings"
    return {**lora_shapes(), f"{words}.lora_embedding_A": [4, 100], f"{words}.lora_embedding_B": [HIDDEN, 4]}


WORDS = "base_model.model.bert.embeddings.word_embeddings"


@pytest.mark.parametrize(
    ("config", "shapes"),
    [
        (LORA, lora_shapes()),
        ({**LORA, "r": 2}, lora_shapes(rank=2)),
        ({**LORA, "use_dora": True}, dora_shapes()),
        ({**LORA, "lora_bias": True}, bias_shapes()),
        ({**LORA, "use_rslora": True, "init_lora_weights": "gaussian", "lora_dropout": 0.3}, lora_shapes()),
        ({**LORA, "layers_to_transform": [0, 1], "layers_pattern": "layer"}, lora_shapes()),
        (LORA, embedding_shapes()),
        (LORA, {**embedding_shapes(), f"{WORDS}.base_layer.weight": [100, HIDDEN]}),
        (
            {**LORA, "trainable_token_indices": [1, 2]},
            {**lora_shapes(), f"{WORDS}.token_adapter.trainable_tokens_delta": [2, 8]},
        ),
        ({**LORA, "modules_to_save": ["classifier", "LayerNorm"]}, {**lora_shapes(), f"{FIRST}.LayerNorm.weight": [8]}),
        (PREFIX, prefix_shapes()),
        ({**PREFIX, "prefix_projection": True}, prefix_shapes()),
        (PROMPT, {"prompt_embeddings": [5, HIDDEN], **head(prefix="base_model.")}),
        ({**PROMPT, "num_transformer_submodules": 2}, {"prompt_embeddings": [10, 8], **head(prefix="base_model.")}),
        ({**PROMPT, "peft_type": "P_TUNING"}, {"prompt_embeddings": [5, HIDDEN], **head(prefix="base_model.")}),
        (IA3, ia3_shapes()),
        (HEAD_ALONE, head()),
    ],
)
def test_what_peft_writes_is_admitted(tmp_path: Path, config: Any, shapes: Any) -> None:
    admission = admitted(write_adapter(tmp_path / "a", config, shapes))
    assert admission.derived
    assert admission.manifest.labels == ("card", "loan", "other")


def test_rank_patterns_decide_the_shapes(tmp_path: Path) -> None:
    shapes = {**lora_shapes(), f"{FIRST}.lora_A.weight": [2, HIDDEN], f"{FIRST}.lora_B.weight": [HIDDEN, 2]}
    patterns: dict[str, int] = {"layer.0.attention.self.query": 2, r"layer\.\d+\.attention.self.query": 4}
    admitted(write_adapter(tmp_path / "a", {**LORA, "rank_pattern": patterns}, shapes))
    turned = dict(reversed(patterns.items()))  # the first pattern that matches decides
    assert "asks for [4, in]" in refusal(write_adapter(tmp_path / "b", {**LORA, "rank_pattern": turned}, shapes))


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"init_lora_weights": "pissa"}, "init_lora_weights 'pissa'"),
        ({"init_lora_weights": "pissa_niter_16"}, "init_lora_weights"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4}}, "init_lora_weights|loftq_config"),
        ({"init_lora_weights": "corda"}, "init_lora_weights"),
        ({"init_lora_weights": "lora_ga"}, "init_lora_weights"),
        ({"init_lora_weights": "mica"}, "init_lora_weights"),
        ({"init_lora_weights": "invented"}, "init_lora_weights"),
        ({"bias": "all"}, "bias 'all'"),
        ({"bias": "lora_only"}, "bias"),
        ({"use_qalora": True}, "use_qalora"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"target_parameters": ["experts.weight"]}, "target_parameters"),
        ({"use_bdlora": {"a": 1}}, "use_bdlora"),
        ({"ensure_weight_tying": True}, "ensure_weight_tying"),
        ({"megatron_config": {"a": 1}}, "megatron_config"),
        ({"a_key_of_the_future": "on"}, "a_key_of_the_future"),
        ({"peft_type": "LOHA"}, "peft_type 'LOHA'"),
        ({"peft_type": "OFT", "r": 0}, "peft_type 'OFT' is not supported"),
        ({"peft_type": 7}, "peft_type"),
        ({"r": 0}, "`r`"),
        ({"r": 100_000}, "`r`"),
        ({"r": "8"}, "`r`"),
        ({"lora_alpha": -1}, "lora_alpha"),
        ({"rank_pattern": {"query": 0}}, "rank_pattern"),
        ({"rank_pattern": {"(a+)+$": 4}}, "too involved"),
        ({"target_modules": "(([a-z_.0-9]+)+)+!|.*query"}, "too involved"),
        ({"target_modules": ".*.*.*.*.*query"}, "too involved"),
        ({"target_modules": "(query"}, "is not a regular expression"),
        ({"target_modules": "([a-z.]{1,30}){1,30}!"}, "too involved"),
        ({"target_modules": "(.|[a-z])*!"}, "too involved"),
        ({"target_modules": ".?" * 40 + "!"}, "too involved"),
        ({"target_modules": "(.|[a-z])" * 40 + "!"}, "too involved"),
        ({"target_modules": "(" * 500 + ")" * 500}, "too involved"),
        ({"target_modules": "(?:(?:){60000}){60000}"}, "too involved"),
        ({"exclude_modules": "(a+)+$"}, "exclude_modules: '(a+)+$' is too involved"),
        ({"exclude_modules": "(a"}, "exclude_modules: '(a' is not a regular expression"),
        ({"layers_pattern": "(a+)+"}, "layers_pattern: '(a+)+' is too involved"),
        ({"layers_pattern": ["layer", "(a+)+"]}, "layers_pattern: '(a+)+' is too involved"),
        ({"modules_to_save": ["classifier", "(a+)+"]}, "modules_to_save: '(a+)+' is too involved"),
        ({"rank_pattern": {f".*.*a{index}": 4 for index in range(10_000)}}, "together are too involved"),
        ({"rank_pattern": {".*.*.*.*x": 4}}, "too involved"),
        ({"alpha_pattern": {"a" * 200: 4}}, "too involved"),
        ({"rank_pattern": {"(": 4}}, "regular expression"),
        ({"base_model_name_or_path": "/models/bert"}, "base_model_name_or_path"),
        ({"base_model_name_or_path": "acme/another"}, "base.id"),
        ({"modules_to_save": [""]}, "modules_to_save"),
        ({"task_type": "TOKEN_CLS"}, "task: text-classification"),
    ],
)
def test_configs_that_cannot_be_reproduced(tmp_path: Path, config: dict[str, Any], what: str) -> None:
    message = refusal(write_adapter(tmp_path / "a", {**LORA, **config}))
    assert any(part in message for part in what.split("|")), message


@pytest.mark.parametrize(
    "pattern",
    [
        r".*layer\.\d+\..*(query|value)",
        r".*layer\.0\..*(query|value)",
        r"model\.layers\.(1[0-9]|2[0-9])\..*proj",
        r".*\.(q_proj|k_proj|v_proj|o_proj)$",
        r"^(?!.*vision).*(q|v)_proj$",
        r".*(self_attn|mlp).*proj",
        r".*\.layers\.\d{1,2}\.(self_attn\.)?.*(gate|up|down)_proj",
        r"(.*\.)?layers\.(\d|1\d|20)\.(.*)\.(q_proj|qkv_proj|o_proj)",
        "all-linear",
    ],
)
def test_ordinary_patterns_are_admitted(tmp_path: Path, pattern: str) -> None:
    admitted(write_adapter(tmp_path / "a", {**LORA, "target_modules": pattern, "exclude_modules": pattern}))


@pytest.mark.parametrize("pattern", ["layer.0.*query", r".*\.layer\.\d\.output", "(query|key)", r"^bert\.a{2}(b)?"])
def test_ordinary_rank_patterns_are_admitted(tmp_path: Path, pattern: str) -> None:
    admitted(write_adapter(tmp_path / "a", {**LORA, "rank_pattern": {pattern: 4}, "alpha_pattern": {pattern: 4}}))


@pytest.mark.parametrize("key", ["target_modules", "feedforward_modules"])
def test_patterns_of_other_methods_are_checked_as_well(tmp_path: Path, key: str) -> None:
    folder = write_adapter(tmp_path / "a", {**IA3, key: "(([a-z_.0-9]+)+)+!|.*query"}, ia3_shapes())
    assert f"{key}: '(([a-z_.0-9]+)+)+!|.*query' is too involved" in refusal(folder)


def test_a_hostile_pattern_is_done_with_at_once(tmp_path: Path) -> None:
    """Exponential matching would not end before the test's own limit."""
    shapes = {f"base_model.model.{'a' * 400}{index}.lora_A.weight": [4, 8] for index in range(200)}
    assert "lora_B.weight is missing" in refusal(
        write_adapter(tmp_path / "a", {**LORA, "rank_pattern": {"a*a*!": 2}}, shapes)
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"r": 4}'])
def test_a_config_that_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    folder = write_adapter(tmp_path / "a")
    (folder / "adapter_config.json").write_bytes(data)
    assert refusal(folder).startswith("adapter_config.json")


@pytest.mark.parametrize(
    ("config", "shapes", "what"),
    [
        (LORA, without(lora_shapes(), f"{FIRST}.lora_B.weight"), "lora_B.weight is missing"),
        (LORA, without(lora_shapes(), f"{FIRST}.lora_A.weight"), "lora_A.weight is missing"),
        (LORA, {**lora_shapes(), f"{FIRST}.lora_A.weight": [5, 8]}, "asks for [4, in]"),
        (LORA, {**lora_shapes(), f"{FIRST}.lora_B.weight": [8, 5]}, "asks for [out, 4]"),
        (LORA, {**lora_shapes(), f"{FIRST}.lora_A.weight": [4, 8, 1, 1]}, "asks for [4, in]"),
        (LORA, {**lora_shapes(), f"{FIRST}.lora_A.weight": [4, 0]}, "holds nothing"),
        (LORA, dora_shapes(), "lora_magnitude_vector is there"),
        ({**LORA, "use_dora": True}, lora_shapes(), "lora_magnitude_vector is missing"),
        ({**LORA, "use_dora": True}, {**dora_shapes(), f"{FIRST}.lora_magnitude_vector": [9]}, "asks for [8]"),
        (LORA, bias_shapes(), "lora_B.bias is there"),
        ({**LORA, "lora_bias": True}, lora_shapes(), "lora_B.bias is missing"),
        (LORA, head(), "no LoRA tensor at all"),
        (LORA, {**lora_shapes(), "base_model.model.lm_head.weight": [9, 8]}, "lm_head.weight belongs neither"),
        (LORA, {**lora_shapes(), "unprefixed.classifier.weight": [9, 8]}, "belongs neither"),
        (LORA, {**lora_shapes(), f"{FIRST}.base_layer.weight": [8, 8]}, "base_layer.weight belongs neither"),
        (LORA, {**lora_shapes(), f"{FIRST}.base_layer.bias": [8]}, "base_layer.bias belongs neither"),
        ({**LORA, "modules_to_save": None}, lora_shapes(), "classifier.bias belongs neither"),
        (LORA, {**lora_shapes(), f"{WORDS}.token_adapter.trainable_tokens_delta": [2, 8]}, "belongs neither"),
        (LORA, lora_shapes(labels=4), "head.labels is 3 in the manifest; the adapter's files say 4"),
        (PREFIX, {**prefix_shapes(), "prompt_embeddings": [5, 8]}, "asks for [5, 32]"),
        (PREFIX, {**prefix_shapes(), "prompt_embeddings": [6, 32]}, "asks for [5, 32]"),
        (PREFIX, head(prefix="base_model."), "prompt_embeddings is missing"),
        (PREFIX, {**prefix_shapes(), f"{FIRST}.lora_A.weight": [4, 8]}, "belongs neither"),
        ({**PREFIX, "token_dim": None}, prefix_shapes(), "token_dim"),
        ({**PREFIX, "num_virtual_tokens": 100_000}, prefix_shapes(), "num_virtual_tokens"),
        ({**PROMPT, "tokenizer_name_or_path": "/models/x"}, {"prompt_embeddings": [5, 8]}, "tokenizer_name_or_path"),
        (IA3, {**ia3_shapes(), "base_model.model.bert.key.ia3_l": [3, 5]}, "asks for [1, in] or [out, 1]"),
        (IA3, head(), "no IA3 vector"),
        (HEAD_ALONE, lora_shapes(), "lora_A.weight belongs neither"),
        (HEAD_ALONE, {}, "no tensor at all"),
    ],
)
def test_tensors_that_are_not_what_the_config_says(tmp_path: Path, config: Any, shapes: Any, what: str) -> None:
    assert what in refusal(write_adapter(tmp_path / "a", config, shapes))


@pytest.mark.parametrize("dtype", ["I64", "U8"])
def test_adapters_hold_floats(tmp_path: Path, dtype: str) -> None:
    assert f"holds {dtype}" in refusal(write_adapter(tmp_path / "a", dtype=dtype))


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F64"])
def test_any_float_will_do(tmp_path: Path, dtype: str) -> None:
    admitted(write_adapter(tmp_path / "a", dtype=dtype))


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../b",
        "/etc/passwd",
        "figures\\a.png",
        "C:a",
        "figures//a.png",
        "./README.md",
        "README.md/",
        "",
        "a\0b",
    ],
)
def test_paths_that_lead_elsewhere(path: str) -> None:
    with pytest.raises(AdmissionRefused, match="not a path inside"):
        check_path(path)


@pytest.mark.parametrize("path", ["adapter_model.bin", "training_args.bin", "optimizer.pt", "x.pkl", "scheduler.pth"])
def test_pickles_are_refused_by_name(tmp_path: Path, path: str) -> None:
    folder = write_adapter(tmp_path / "a")
    (folder / path).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(AdmissionRefused, match=f"{path}: may hold code"):
        admit({**survey(folder).files, path: folder / path}, FACTS)


@pytest.mark.parametrize(
    "path", ["model.py", "figures/a.svg", "figures/deep/a.png", "figures/.png", "vocab.txt", "Readme.md"]
)
def test_files_that_are_not_an_adapters(tmp_path: Path, path: str) -> None:
    with pytest.raises(AdmissionRefused, match="not a file of an adapter"):
        admit({path: tmp_path}, FACTS)


def test_links_and_folders_are_no_files(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    (tmp_path / "secret").write_text("secret")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(AdmissionRefused, match=r"README\.md is a link"):
        survey(folder)
    with pytest.raises(AdmissionRefused, match=r"README\.md is not a plain file"):
        admit({"README.md": folder / "README.md"}, FACTS)
    with pytest.raises(AdmissionRefused, match=r"LICENSE is not a plain file"):
        admit({"LICENSE": tmp_path}, FACTS)


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "private.png").write_bytes(b"png")
    (folder / "figures").symlink_to(tmp_path / "elsewhere")
    found = survey(folder)
    assert "figures/private.png" not in found.files
    assert found.left_out == ("figures",)


def test_sizes_are_capped(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    with (folder / "README.md").open("wb") as stream:
        stream.truncate(1 << 30)  # sparse
    assert "README.md has 1,073,741,824 bytes" in refusal(folder)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_the_two_files_that_must_be_there(tmp_path: Path, name: str) -> None:
    folder = write_adapter(tmp_path / "a")
    files = {place: path for place, path in survey(folder).files.items() if place != name}
    with pytest.raises(AdmissionRefused, match=f"{name} is missing"):
        admit(files, FACTS)


def completed(folder: Path, **changes: Any) -> Manifest:
    document = dict(admitted(folder).manifest.document)
    return complete(folder, {**document, **changes})


def test_a_stated_manifest_is_kept(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    stated = completed(folder, recipe="name = 'x'", note="kept")
    admission = admitted(folder, None)
    assert not admission.derived
    assert admission.manifest == stated
    assert admission.manifest.document["note"] == "kept"


def test_a_changed_file_is_not_the_listed_one(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", card="# One")
    completed(folder)
    (folder / "README.md").write_text("# Two")
    assert refusal(folder).startswith("README.md is not the file")


def test_files_and_listing_are_the_same_set(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", card="# One")
    completed(folder)
    (folder / "README.md").unlink()
    assert refusal(folder).startswith("README.md is listed")
    (folder / "README.md").write_text("# One")
    (folder / "LICENSE").write_text("MIT")
    assert refusal(folder).startswith("LICENSE is there")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"method": {"kind": "ia3"}}, "method.kind is 'ia3'"),
        ({"method": {"kind": "lora", "rank": 8, "alpha": 8}}, "method.rank is 8"),
        ({"method": {"kind": "lora", "rank": 4, "alpha": 9}}, "method.alpha is 9"),
        ({"head": {"kind": "sequence-classification", "labels": ["a"]}}, "head.labels is 1"),
        ({"head": {"kind": "none", "labels": []}}, "head.kind is 'none'"),
        ({"base": {"id": "acme/another"}}, "base.id is 'acme/another'"),
    ],
)
def test_a_manifest_that_says_something_else_than_the_files(tmp_path: Path, changes: Any, what: str) -> None:
    folder = write_adapter(tmp_path / "a")
    completed(folder, **changes)
    assert what in refusal(folder, None)


def test_facts_fill_what_a_manifest_leaves_open(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    completed(folder)
    print_of_base = "sha256:" + "5" * 64
    assert admitted(folder, Facts(fingerprint=print_of_base)).manifest.base.fingerprint == print_of_base


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        (Facts(base="a/b"), "base.id"),
        (Facts(task="x"), "task.name"),
        (Facts(labels=("a", "b", "c")), "head.labels"),
        (Facts(problem_type="regression"), "head.problem_type"),
    ],
)
def test_facts_may_not_contradict_a_manifest(tmp_path: Path, facts: Facts, place: str) -> None:
    folder = write_adapter(tmp_path / "a")
    completed(folder)
    assert refusal(folder, facts).startswith(f"manifest.json: {place}")


def test_a_tokenizer_must_be_the_bases_own(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    tokenizer = {"model": {"vocab": {"a": 0}}, "truncation": {"max_length": 5}, "padding": None}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    own = "sha256:" + hashlib.sha256(rfc8785.dumps({"model": {"vocab": {"a": 0}}})).hexdigest()
    stated = {"base": FACTS.base, "task": FACTS.task, "licence": FACTS.licence}
    admitted(folder, Facts(**stated, tokenizer_fingerprint=own))
    assert "another tokenizer" in refusal(folder, Facts(**stated, tokenizer_fingerprint="sha256:" + "0" * 64))
    (folder / "tokenizer.json").write_text("{")
    assert "cannot be read" in refusal(folder, Facts(**stated, tokenizer_fingerprint=own))


def test_admitting_changes_nothing(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", card="# Card")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert admitted(folder).manifest == admitted(folder).manifest
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
