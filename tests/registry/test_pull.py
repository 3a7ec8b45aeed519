"""Pulling: verified each time, damage named, and repaired from wherever the bytes still are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import LocalRegistry, Version
from registry.errors import CorruptBlob, NotFound, RevokedVersion, VersionNotFound
from tests.registry.folders import FACTS, LORA, front_matter, lora_shapes, write_adapter

WEIGHTS = "adapter_model.safetensors"
Damage = Callable[[Path], None]


def truncate(file: Path) -> None:
    data = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(data[: len(data) // 2])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(b"")


def replace_by_link(file: Path) -> None:
    copy = file.with_name(file.name + ".copy")
    file.rename(copy)
    file.symlink_to(copy)


every_damage = pytest.mark.parametrize("damage", [truncate, flip, empty, os.unlink])


@pytest.fixture
def version(registry: LocalRegistry, tmp_path: Path) -> Version:
    folder = write_adapter(tmp_path / "adapter", card=front_matter(license="mit"))
    return registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)


def blob(registry: LocalRegistry, name: str = WEIGHTS) -> Path:
    (entry,) = (one for one in registry.show("acme/intent@1.0.0").manifest.files if one.path == name)
    return registry.root / "blobs" / entry.sha256[:2] / entry.sha256


def test_a_pull_is_the_published_bytes(registry: LocalRegistry, version: Version, tmp_path: Path) -> None:
    folder = registry.pull("acme/intent@^1")
    assert folder == registry.root / "snapshots" / version.digest.removeprefix("sha256:")
    for name in (WEIGHTS, "adapter_config.json", "README.md"):
        assert (folder / name).read_bytes() == (tmp_path / "adapter" / name).read_bytes()
    assert registry.pull(version) == registry.pull("acme/intent@1.0.0") == folder


def test_pulled_files_are_read_only(registry: LocalRegistry, version: Version) -> None:
    assert {path.stat().st_mode & 0o222 for path in registry.pull(version).iterdir()} == {0}


def test_a_snapshot_shares_no_file_with_the_store(registry: LocalRegistry, version: Version) -> None:
    assert not (registry.pull(version) / WEIGHTS).samefile(blob(registry))


@every_damage
@pytest.mark.parametrize("name", [WEIGHTS, "README.md", "manifest.json"])
def test_a_damaged_snapshot_is_named_and_the_next_pull_repairs_it(
    registry: LocalRegistry, version: Version, damage: Damage, name: str
) -> None:
    folder = registry.pull(version)
    intact = (folder / name).read_bytes()
    damage(folder / name)
    with pytest.raises(CorruptBlob, match=name):
        registry.pull(version)
    assert (registry.pull(version) / name).read_bytes() == intact


def test_a_file_that_does_not_belong_there_is_damage(registry: LocalRegistry, version: Version) -> None:
    (registry.pull(version) / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(CorruptBlob, match=r"adapter_model\.bin"):
        registry.pull(version)
    assert not (registry.pull(version) / "adapter_model.bin").exists()


def test_a_link_in_the_place_of_a_file_is_damage(registry: LocalRegistry, version: Version) -> None:
    replace_by_link(registry.pull(version) / WEIGHTS)
    with pytest.raises(CorruptBlob):
        registry.pull(version)
    assert not (registry.pull(version) / WEIGHTS).is_symlink()


@every_damage
def test_a_damaged_blob_is_named_and_publishing_again_repairs_it(
    registry: LocalRegistry, version: Version, damage: Damage, tmp_path: Path
) -> None:
    damage(blob(registry))
    for _ in range(2):
        with pytest.raises(CorruptBlob, match=rf"{WEIGHTS} of acme/intent@1\.0\.0") as refused:
            registry.pull(version)
        assert "Publish the same content as acme/intent@1.0.0 again" in refused.value.hint
    assert list((registry.root / "snapshots").glob("*")) == []
    assert registry.publish(tmp_path / "adapter", "acme/intent", "1.0.0", facts=FACTS) == version
    assert (registry.pull(version) / WEIGHTS).read_bytes() == (tmp_path / "adapter" / WEIGHTS).read_bytes()


@every_damage
def test_a_damaged_blob_is_restored_from_another_versions_snapshot(
    registry: LocalRegistry, version: Version, damage: Damage, tmp_path: Path
) -> None:
    """The same weights under another card."""
    other = write_adapter(tmp_path / "other", card=front_matter(license="mit") + "More.\n")
    registry.pull(registry.publish(other, "acme/intent", "1.1.0", facts=FACTS))
    damage(blob(registry))
    assert (registry.pull(version) / WEIGHTS).is_file()
    assert blob(registry).read_bytes() == (tmp_path / "adapter" / WEIGHTS).read_bytes()


@every_damage
def test_a_damaged_blob_is_restored_from_what_is_intact_of_a_damaged_snapshot(
    registry: LocalRegistry, version: Version, damage: Damage
) -> None:
    damage(registry.pull(version) / "README.md")
    damage(blob(registry, WEIGHTS))
    with pytest.raises(CorruptBlob, match=r"README\.md"):
        registry.pull(version)
    assert (registry.pull(version) / "README.md").is_file()


def test_a_lost_snapshot_folder_is_made_anew(registry: LocalRegistry, version: Version) -> None:
    shutil.rmtree(registry.pull(version).parent)
    assert (registry.pull(version) / "manifest.json").is_file()


def test_a_pull_leaves_nothing_behind(registry: LocalRegistry, version: Version) -> None:
    truncate(registry.pull(version) / WEIGHTS)
    with pytest.raises(CorruptBlob):
        registry.pull(version)
    registry.pull(version)
    assert list((registry.root / "tmp").iterdir()) == []


def test_a_version_of_another_registry_is_not_found(registry: LocalRegistry, version: Version, tmp_path: Path) -> None:
    elsewhere = LocalRegistry(tmp_path / "elsewhere")
    with pytest.raises(NotFound):
        elsewhere.pull(version)
    other = write_adapter(tmp_path / "other", {**LORA, "r": 2}, lora_shapes(rank=2))
    elsewhere.publish(other, "acme/intent", "1.0.0", facts=FACTS)
    with pytest.raises(VersionNotFound, match="digest"):
        elsewhere.pull(version)


def test_a_version_revoked_since_it_was_resolved_is_not_pulled(registry: LocalRegistry, version: Version) -> None:
    registry.pull(version)
    registry.revoke("acme/intent@1.0.0", "leaks names")
    with pytest.raises(RevokedVersion, match="leaks names"):
        registry.pull(version)


def test_versions_of_one_digest_keep_what_no_manifest_lists(registry: LocalRegistry, version: Version) -> None:
    """Else each pull of the one would find the other's folder damaged."""
    attributes = registry.root.parent / "adapter" / ".gitattributes"
    numbers = ("1.0.1", "1.0.2")
    for number in numbers:
        attributes.write_text(number)
        assert registry.publish(attributes.parent, "acme/intent", number, facts=FACTS).digest == version.digest
    for _ in range(2):
        for number in numbers:
            assert (registry.pull(f"acme/intent@{number}") / ".gitattributes").read_text() == number
        assert not (registry.pull(version) / ".gitattributes").exists()


def test_a_damaged_blob_is_restored_from_a_snapshot_with_files_of_its_own(
    registry: LocalRegistry, version: Version, tmp_path: Path
) -> None:
    (tmp_path / "adapter" / ".gitattributes").write_text("*.safetensors filter=lfs")
    registry.pull(registry.publish(tmp_path / "adapter", "acme/intent", "1.0.1", facts=FACTS))
    flip(blob(registry))
    assert (registry.pull(version) / WEIGHTS).read_bytes() == (tmp_path / "adapter" / WEIGHTS).read_bytes()
