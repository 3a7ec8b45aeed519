"""Publishing: what it stores, what it leaves out, what it corrects, and that a version never changes."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path

import pytest

from registry import Facts, LocalRegistry, Manifest
from registry.errors import (
    AdmissionRefused,
    InvalidReference,
    LeftOutWarning,
    ManifestError,
    RepositoryNotFound,
    VersionConflict,
    VersionImmutable,
    VersionNotFound,
)
from registry.manifest import complete
from tests.registry.folders import FACTS, LORA, front_matter, write_adapter


def contents(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_version_says_what_it_is(registry: LocalRegistry, adapter: Path) -> None:
    version = registry.publish(adapter, "acme/intent", "1.4.0", facts=FACTS)
    assert str(version) == "acme/intent@1.4.0"
    assert (version.repository, version.version, version.status) == ("acme/intent", "1.4.0", "active")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", version.digest)
    assert re.fullmatch(r"[0-9a-f]{40}", version.commit)
    assert registry.resolve("acme/intent") == version
    assert LocalRegistry(registry.root).resolve("acme/intent@1.4.0") == version


def test_the_same_again_is_the_same_version(registry: LocalRegistry, adapter: Path) -> None:
    first = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    assert registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS) == first
    assert len(registry.versions("acme/intent")) == 1
    assert [entry.action for entry in registry.audit("acme/intent")] == ["publish"]


def test_other_content_under_the_same_version_is_refused(
    registry: LocalRegistry, adapter: Path, tmp_path: Path
) -> None:
    first = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    with pytest.raises(VersionConflict, match=r"acme/intent@1\.0\.0 exists with other content") as refused:
        registry.publish(write_adapter(tmp_path / "other", seed=1), "acme/intent", "1.0.0", facts=FACTS)
    assert "next number" in refused.value.hint
    assert registry.resolve("acme/intent@1.0.0") == first
    assert registry.audit("acme/intent")[0].action == "publish-refused"


def test_the_same_content_may_have_two_numbers(registry: LocalRegistry, adapter: Path) -> None:
    one = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    two = registry.publish(adapter, "acme/intent", "1.0.1", facts=FACTS)
    assert one.digest == two.digest
    assert one.commit != two.commit
    assert registry.resolve(f"acme/intent@{one.digest}") == two
    assert registry.pull(one) == registry.pull(two)


def test_names_that_differ_in_case_are_one_repository(registry: LocalRegistry, adapter: Path) -> None:
    first = registry.publish(adapter, "Acme/Intent", "1.0.0", facts=FACTS)
    assert registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS) == first
    assert registry.resolve("ACME/INTENT").repository == "Acme/Intent"
    assert [one.repository for one in registry.list()] == ["Acme/Intent"]


def test_versions_never_move_nor_go(registry: LocalRegistry, adapter: Path) -> None:
    version = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    with pytest.raises(VersionImmutable, match="cannot be moved or deleted"):
        registry.delete_version("acme/intent@1.0.0")
    with pytest.raises(VersionImmutable) as refused:
        registry.move_version("acme/intent@1.0.0", "0" * 40)
    assert "revoke" in refused.value.hint
    assert registry.resolve("acme/intent@1.0.0") == version
    assert [entry.action for entry in registry.audit()] == ["move-refused", "delete-refused", "publish"]
    with pytest.raises(VersionNotFound):
        registry.delete_version("acme/intent@2.0.0")


def test_a_run_folder_holds_its_adapter(registry: LocalRegistry, tmp_path: Path) -> None:
    write_adapter(tmp_path / "run" / "adapter")
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"pickle")
    version = registry.publish(tmp_path / "run", "acme/intent", "1.0.0", facts=FACTS)
    assert contents(registry.pull(version)) == ["adapter_config.json", "adapter_model.safetensors", "manifest.json"]


def test_what_no_version_may_hold_is_left_out_and_named(registry: LocalRegistry, adapter: Path) -> None:
    (adapter / "training_args.bin").write_bytes(b"pickle")
    (adapter / "checkpoint-1").mkdir()
    (adapter / "checkpoint-1" / "README.md").write_text("draft")
    (adapter / "figures").mkdir()
    (adapter / "figures" / "loss.png").write_bytes(b"png")
    (adapter / "LICENSE").write_text("MIT")
    with pytest.warns(LeftOutWarning, match=r"not published: checkpoint-1/README\.md, training_args\.bin"):
        version = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    expected = ["LICENSE", "adapter_config.json", "adapter_model.safetensors", "figures/loss.png", "manifest.json"]
    assert contents(registry.pull(version)) == expected


def test_nothing_left_out_is_nothing_said(registry: LocalRegistry, adapter: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)


def test_pickled_weights_are_refused_with_a_way_out(registry: LocalRegistry, adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(AdmissionRefused, match=r"adapter_model\.bin: pickled weights") as refused:
        registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    assert "safe_serialization" in refused.value.hint


@pytest.mark.parametrize("missing", ["folder", "config", "weights"])
def test_what_is_no_adapter_folder(registry: LocalRegistry, adapter: Path, missing: str) -> None:
    if missing == "config":
        (adapter / "adapter_config.json").unlink()
    if missing == "weights":
        (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(AdmissionRefused, match="holds no"):
        registry.publish(adapter / "nowhere" if missing == "folder" else adapter, "acme/intent", "1.0.0", facts=FACTS)


def test_a_refusal_leaves_an_audit_entry_and_nothing_else(registry: LocalRegistry, adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text(json.dumps({**LORA, "bias": "all"}))
    with pytest.raises(AdmissionRefused) as refused:
        registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    (entry,) = registry.audit()
    assert (entry.action, entry.repository, entry.subject) == ("publish-refused", "acme/intent", "1.0.0")
    assert entry.detail == refused.value.message
    assert contents(registry.root / "blobs") == contents(registry.root / "tmp") == []
    with pytest.raises(RepositoryNotFound):
        registry.versions("acme/intent")
    assert registry.list() == []


def test_an_invalid_manifest_is_refused_and_audited(registry: LocalRegistry, adapter: Path) -> None:
    (adapter / "manifest.json").write_text('{"schema_version": 3}')
    with pytest.raises(ManifestError):
        registry.publish(adapter, "acme/intent", "1.0.0")
    assert registry.audit()[0].action == "publish-refused"


@pytest.mark.parametrize(
    ("repository", "version"), [("intent", "1.0.0"), ("a/b", "1.0"), ("a/b", "latest"), ("a/../b", "1.0.0")]
)
def test_ill_formed_names_are_refused_first(
    registry: LocalRegistry, adapter: Path, repository: str, version: str
) -> None:
    with pytest.raises(InvalidReference):
        registry.publish(adapter, repository, version, facts=FACTS)


def test_a_stated_manifest_is_published_in_canonical_form(registry: LocalRegistry, adapter: Path) -> None:
    draft = registry.publish(adapter, "acme/draft", "1.0.0", facts=FACTS)
    document = {**registry.show("acme/draft").manifest.document, "recipe": "name = 'x'"}
    stated = complete(adapter, document)
    (adapter / "manifest.json").write_text(json.dumps(dict(stated.document), indent=4))
    version = registry.publish(adapter, "acme/intent", "1.0.0")
    assert version.digest == stated.digest != draft.digest
    assert (registry.pull(version) / "manifest.json").read_bytes() == stated.canonical()
    assert not registry.show("acme/intent").derived
    assert registry.show("acme/draft").derived


def test_the_path_of_the_base_is_replaced_by_its_id(registry: LocalRegistry, tmp_path: Path) -> None:
    home = "/home/someone/models/secret-bert"
    card = front_matter(base_model=home, tags=[f"base_model:adapter:{home}", "lora"]) + "Text about lora.\n"
    folder = write_adapter(tmp_path / "a", {**LORA, "base_model_name_or_path": home}, card=card)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    version = registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    pulled = registry.pull(version)
    assert json.loads((pulled / "adapter_config.json").read_text())["base_model_name_or_path"] == FACTS.base
    assert (pulled / "README.md").read_text() == card.replace(home, "tests/tiny-bert")
    assert not [path for path in pulled.iterdir() if home.encode() in path.read_bytes()]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_stated_base_replaces_the_one_in_the_config(registry: LocalRegistry, tmp_path: Path) -> None:
    """Old names of bases, say: bert-base-uncased for google-bert/bert-base-uncased."""
    folder = write_adapter(tmp_path / "a", {**LORA, "base_model_name_or_path": "tiny-bert"})
    version = registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    config = json.loads((registry.pull(version) / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == FACTS.base == registry.show("acme/intent").manifest.base.id


def test_a_path_without_an_id_is_refused(registry: LocalRegistry, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", {**LORA, "base_model_name_or_path": "/models/bert"})
    with pytest.raises(AdmissionRefused, match=r"^base: '/models/bert' is a path") as refused:
        registry.publish(folder, "acme/intent", "1.0.0", facts=Facts(task="text-classification", licence="mit"))
    assert "--base" in refused.value.hint


def test_the_card_alone_can_state_everything(registry: LocalRegistry, tmp_path: Path) -> None:
    card = front_matter(
        base_model="acme/base", pipeline_tag="text-classification", license="cc-by-4.0", labels=["a", "b", "c"]
    )
    folder = write_adapter(tmp_path / "a", {**LORA, "base_model_name_or_path": "acme/base"}, card=card)
    registry.publish(folder, "acme/intent", "1.0.0")
    manifest = registry.show("acme/intent").manifest
    assert (manifest.base.id, manifest.licence, manifest.labels) == ("acme/base", "cc-by-4.0", ("a", "b", "c"))


def test_manifest_stays_what_the_snapshot_holds(registry: LocalRegistry, adapter: Path) -> None:
    version = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    manifest = Manifest.read(registry.pull("acme/intent"))
    assert manifest.digest == version.digest
    assert manifest == registry.show("acme/intent").manifest


def test_listing_and_showing(registry: LocalRegistry, adapter: Path, tmp_path: Path) -> None:
    registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    registry.publish(adapter, "acme/intent", "2.0.0-rc.1", facts=FACTS)
    other = write_adapter(tmp_path / "other", {**LORA, "base_model_name_or_path": None, "task_type": "TOKEN_CLS"})
    facts = Facts("acme/other-base", "token-classification", "mit")
    registry.publish(other, "acme/ner", "0.1.0-rc.1", facts=facts)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)

    intent, ner = registry.list()
    assert (str(intent.latest), intent.versions, intent.task) == ("acme/intent@1.0.0", 2, "text-classification")
    assert intent.aliases == {"production": "1.0.0"}
    assert (ner.latest, ner.base) == (None, "acme/other-base")
    assert [one.repository for one in registry.list(base="acme/other-base")] == ["acme/ner"]
    assert [one.repository for one in registry.list(task="text-classification")] == ["acme/intent"]
    assert registry.list(base="acme/base", task="summarization") == []
    assert [one.version for one in registry.versions("acme/intent")] == ["2.0.0-rc.1", "1.0.0"]

    shown = registry.show("acme/intent@production")
    assert (str(shown.version), shown.aliases, shown.derived) == ("acme/intent@1.0.0", ["production"], True)
    assert shown.published.tzinfo is not None


def test_unfinished_things_of_the_dead_are_removed_once_they_are_old(registry: LocalRegistry, adapter: Path) -> None:
    old, recent = registry.root / "tmp" / "old", registry.root / "tmp" / "recent"
    for folder in (old, recent):
        write_adapter(folder)
    os.utime(old, (0, 0))
    registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    assert [path.name for path in (registry.root / "tmp").iterdir()] == ["recent"]
