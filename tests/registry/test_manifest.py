"""manifest.json: canonical form, digest, unknown keys, and errors that name the place."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Manifest
from registry.errors import ManifestError
from registry.manifest import complete
from registry.manifest.schema import SCHEMA_FILE, json_schema
from tests.registry.folders import write_adapter

DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "task": {"name": "text-classification", "options": {"max_length": 128}},
    "method": {"kind": "lora", "rank": 8, "alpha": 16, "targets": ["query"], "options": {}},
    "base": {
        "id": "sentence-transformers/all-MiniLM-L6-v2",
        "revision": None,
        "fingerprint": "sha256:" + "1" * 64,
        "tokenizer_fingerprint": None,
        "architecture": "BertModel",
        "source": "model.gguf",
    },
    "head": {"kind": "sequence-classification", "labels": ["a", "b"], "problem_type": None, "pooling": None},
    "prompt": None,
    "metrics": {
        "before": {},
        "after": {"accuracy": {"value": 0.9, "low": 0.88, "high": 0.92, "n": 100, "split": "test"}},
    },
    "data": [{"name": "banking", "split": "train", "rows": 100, "fingerprint": "sha256:x", "licence": "cc-by-4.0"}],
    "parents": [{"digest": "sha256:" + "2" * 64, "relation": "retrained"}],
    "licence": "apache-2.0",
    "languages": ["en"],
    "library": {"peft": "0.21.2"},
    "recipe": "name = 'x'",
    "trainable_parameters": 1000,
    "files": [{"path": "adapter_config.json", "size": 2, "sha256": "3" * 64}],
}

words = st.text('aé中\U0001f600"\\/\n\x7f', max_size=6)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


def test_typed_views() -> None:
    manifest = Manifest.from_document(DOCUMENT)
    assert manifest.task.name == "text-classification"
    assert manifest.task.options == {"max_length": 128}
    assert (manifest.method.kind, manifest.method.rank, manifest.method.alpha) == ("lora", 8, 16)
    assert (manifest.base.id, manifest.base.source) == ("sentence-transformers/all-MiniLM-L6-v2", "model.gguf")
    assert manifest.labels == ("a", "b")
    assert manifest.licence == "apache-2.0"
    assert [entry.path for entry in manifest.files] == ["adapter_config.json"]
    assert manifest.typed.metrics.after["accuracy"].low == 0.88


def test_the_digest_is_over_the_canonical_form() -> None:
    manifest = Manifest.from_document(DOCUMENT)
    assert manifest.digest == "sha256:" + hashlib.sha256(manifest.canonical()).hexdigest()
    pretty = json.dumps(dict(reversed(DOCUMENT.items())), indent=4).encode()
    assert Manifest.from_bytes(pretty) == manifest
    assert Manifest.from_bytes(pretty).digest == manifest.digest
    assert Manifest.from_document(changed("licence", to="mit")).digest != manifest.digest


def test_a_later_change_of_the_document_changes_nothing() -> None:
    document = copy.deepcopy(DOCUMENT)
    manifest = Manifest.from_document(document)
    document["licence"] = manifest.document["licence"] = "mit"
    assert manifest.document["licence"] == "apache-2.0"


@given(st.dictionaries(st.text("abcxyz_", min_size=1, max_size=8).map(lambda key: "x-" + key), json_values, max_size=4))
def test_unknown_keys_are_kept_and_the_form_is_stable(extra: dict[str, Any]) -> None:
    manifest = Manifest.from_document({**DOCUMENT, **extra, "base": {**DOCUMENT["base"], **extra}})
    again = Manifest.from_bytes(manifest.canonical())
    assert again.canonical() == manifest.canonical()
    assert again.digest == manifest.digest
    assert set(extra) <= set(again.document) & set(again.document["base"])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (changed("schema_version", to=2), "schema_version"),
        (changed("base", "fingerprint", to="md5:1"), "base.fingerprint"),
        (changed("base", "id", to="/models/minilm"), "base.id"),
        (changed("base", "id", to=7), "base.id"),
        (changed("method", "kind", to="full"), "method.kind"),
        (changed("method", "rank", to=0), "method.rank"),
        (changed("head", "kind", to="regression"), "head.kind"),
        (changed("head", "labels", to=["a", "a"]), "head.labels"),
        (changed("head", "labels", to=["a", 1]), "head.labels"),
        (changed("licence", to=" "), "licence"),
        (changed("licence", to=None), "licence"),
        (changed("metrics", "after", "accuracy", "value", to="high"), "metrics.after"),
        (changed("parents", 0, "relation", to="copied"), "parents"),
        (changed("files", 0, "sha256", to="3" * 63), "files"),
        (changed("files", 0, "size", to=-1), "files"),
        (changed("files", 0, "path", to="../secret"), "files[0].path"),
        (changed("files", 0, "path", to="/etc/passwd"), "files[0].path"),
        (changed("files", 0, "path", to="figures\\a.png"), "files[0].path"),
        (changed("files", 0, "path", to="adapter_model.bin"), "files[0].path"),
        (changed("files", 0, "path", to="manifest.json"), "files[0].path"),
        (changed("files", to=DOCUMENT["files"] * 2), "files[1].path"),
    ],
)
def test_errors_name_the_place(document: dict[str, Any], place: str) -> None:
    with pytest.raises(ManifestError) as refused:
        Manifest.from_document(document)
    assert refused.value.message.startswith(place), refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("key", ["schema_version", "task", "method", "base", "head", "licence", "files"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ManifestError, match=key):
        Manifest.from_document({name: value for name, value in DOCUMENT.items() if name != key})


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'{"a": 99999999999999999999999}', b" " * (5 << 20)],
)
def test_what_is_no_manifest_at_all(data: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_bytes(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, {1: 2}, {"a"}, "\ud800"])
def test_values_without_a_canonical_form(value: object) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_document({**DOCUMENT, "x": value})


@pytest.mark.parametrize("value", [9007199254740992.0, 2.606776740290405e16, 1e20, 1e21, -1e300, 5e-324, -0.0])
def test_any_double_keeps_its_value(value: float) -> None:
    manifest = Manifest.from_document({**DOCUMENT, "x": value})
    assert manifest.document["x"] == value
    assert Manifest.from_bytes(manifest.canonical()).digest == manifest.digest


def test_reading_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no manifest\.json"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(DOCUMENT, indent=2))
    assert Manifest.read(tmp_path) == Manifest.from_document(DOCUMENT)


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    assert json_schema() == SCHEMA_FILE.read_bytes(), "run python -m registry.manifest.schema"
    schema = json.loads(SCHEMA_FILE.read_bytes())
    assert set(schema["$defs"]["Document"]["properties"]) == {*DOCUMENT}


def test_complete_lists_the_files_and_writes_the_manifest(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", card="# Card")
    (folder / "training_args.bin").write_bytes(b"pickle")
    (folder / "figures").mkdir()
    (folder / "figures" / "loss.png").write_bytes(b"png")
    document = {key: value for key, value in DOCUMENT.items() if key != "files"}
    manifest = complete(folder, document)
    assert Manifest.read(folder) == manifest
    assert [entry.path for entry in manifest.files] == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "figures/loss.png",
    ]
    entry = manifest.files[0]
    assert (entry.size, entry.sha256) == (6, hashlib.sha256(b"# Card").hexdigest())
    assert complete(folder, document).digest == manifest.digest
