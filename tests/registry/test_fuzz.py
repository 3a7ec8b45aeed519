"""Whatever an adapter folder says, admission ends in a version or in a refusal that names a place: never in a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import Manifest
from registry.admit import admit
from registry.errors import AdmissionRefused, ManifestError
from registry.folder import survey
from registry.manifest import complete
from tests.registry.folders import FACTS, IA3, LORA, PREFIX, ia3_shapes, lora_shapes, prefix_shapes, write_adapter

METHODS = {"lora": (LORA, lora_shapes()), "prefix": (PREFIX, prefix_shapes()), "ia3": (IA3, ia3_shapes())}

odd_texts = st.sampled_from(["", " ", "/", "..", "a/b", "(", "a*a*", "\x00", "é", "x" * 300, "1e999"])
odd_numbers = st.sampled_from([0, -1, 1, 4, 2**31, 2**53, 2**64, -(2**70), 0.5, 1e308, -0.0])
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(odd_texts, inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def judged(folder: Path) -> Manifest | None:
    """The manifest, or None after a refusal that says what and what to do."""
    try:
        return admit(survey(folder).files, FACTS if not (folder / "manifest.json").exists() else None).manifest
    except (AdmissionRefused, ManifestError) as error:
        assert error.message
        assert error.hint
        return None


@settings(max_examples=60, deadline=None)
@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_any_config(home: Path, method: str, data: st.DataObject) -> None:
    config, shapes = METHODS[method]
    key = data.draw(st.sampled_from([*sorted(config), "unheard_of"]))
    changed = {**config, key: data.draw(odd_values)}
    manifest = judged(write_adapter(home / "config", changed, shapes))
    if manifest is not None:
        assert manifest.base.id == FACTS.base
        assert Manifest.from_bytes(manifest.canonical()) == manifest


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(odd_texts, st.lists(st.integers(0, 9), max_size=4), max_size=3), st.booleans())
def test_any_tensors(home: Path, strays: dict[str, list[int]], keep: bool) -> None:
    shapes = {**(lora_shapes() if keep else {}), **strays}
    manifest = judged(write_adapter(home / "tensors", LORA, shapes))
    assert (manifest is not None) is (keep and not strays)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(alphabet="-:[]{}&*!|>#\n\t abc12'\"", max_size=80))
def test_any_card(home: Path, title: str, lines: str) -> None:
    folder = write_adapter(home / "card")
    (folder / "README.md").write_text(f"---\n{lines}\n---\n{title}", encoding="utf-8", errors="replace")
    judged(folder)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, by the keys that lead there."""
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_manifest(home: Path, data: st.DataObject) -> None:
    """A manifest with one odd place is refused, or admitted with the place kept as it is."""
    folder = write_adapter(home / "manifest")
    (folder / "manifest.json").unlink(missing_ok=True)
    stated = admit(survey(folder).files, FACTS).manifest
    document: Any = copy.deepcopy(dict(complete(folder, stated.document).document))
    path = data.draw(st.sampled_from(list(places(document))))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = data.draw(odd_values)
    (folder / "manifest.json").write_text(json.dumps(document))
    manifest = judged(folder)
    if manifest is not None:
        assert manifest.document == document
        assert Manifest.from_bytes(manifest.canonical()).digest == manifest.digest


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
@pytest.mark.parametrize("name", ["adapter_config.json", "manifest.json", "README.md", "tokenizer.json"])
def test_any_bytes_in_the_place_of_a_file(home: Path, name: str, data: bytes) -> None:
    folder = write_adapter(home / name)
    (folder / name).write_bytes(data)
    judged(folder)
