"""What a Hub said last: kept whole among threads and processes, and stricter than what it says later."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from registry import Version, parse_reference
from registry.errors import CorruptBlob, RegistryUnavailable, RevokedVersion
from registry.remote.memory import Memory
from registry.store import Scratch

NAME = "acme/intent"


def made(number: str, filling: str = "0") -> Version:
    return Version(NAME, number, "sha256:" + filling * 64, filling * 40)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return opened(tmp_path)


def opened(folder: Path, address: str = "https://hub.example.org") -> Memory:
    return Memory(folder, address, Scratch(folder / "tmp"))


def test_a_reference_means_what_it_meant(memory: Memory, tmp_path: Path) -> None:
    memory.learn([made("1.0.0"), made("1.1.0", "1")])
    memory.resolved(parse_reference(f"{NAME}@production"), made("1.0.0"))
    again = opened(tmp_path)
    assert again.answer(parse_reference(f"{NAME}@production")) == made("1.0.0")
    assert again.answer(parse_reference(f"{NAME}@1.1.0")) == made("1.1.0", "1")
    assert again.answer(parse_reference(f"{NAME.upper()}@sha256:" + "1" * 64)) == made("1.1.0", "1")
    for never in ("^1", "latest", "canary", "2.0.0", "sha256:" + "f" * 64):
        with pytest.raises(RegistryUnavailable, match="never resolved here"):
            again.answer(parse_reference(f"{NAME}@{never}"))


def test_hubs_are_told_apart(memory: Memory, tmp_path: Path) -> None:
    memory.learn([made("1.0.0")])
    other = opened(tmp_path, "https://other.example.org")
    with pytest.raises(RegistryUnavailable):
        other.answer(parse_reference(f"{NAME}@1.0.0"))
    other.learn([made("1.0.0", "1")])


def test_content_never_changes(memory: Memory) -> None:
    memory.learn([made("1.0.0")])
    with pytest.raises(CorruptBlob, match="A version never changes"):
        memory.learn([made("1.1.0", "1"), made("1.0.0", "1")])
    assert set(memory.record(NAME).versions) == {"1.0.0"}


def test_revoked_is_for_good(memory: Memory) -> None:
    revoked = replace(made("1.0.0"), status="revoked", reason="leaks")
    memory.learn([revoked])
    assert memory.learn([made("1.0.0")]) == [revoked]
    with pytest.raises(RevokedVersion, match="leaks"):
        memory.answer(parse_reference(f"{NAME}@1.0.0"))
    with pytest.raises(RevokedVersion, match="leaks"):
        memory.check_not_revoked(made("2.0.0"))  # another number of the same content


def test_a_refusal_is_remembered_until_the_name_moves(memory: Memory) -> None:
    production = parse_reference(f"{NAME}@production")
    memory.refused(production, RevokedVersion("it was revoked: leaks"))
    with pytest.raises(RevokedVersion, match="leaks"):
        memory.answer(production)
    memory.resolved(production, made("1.1.0", "1"))
    assert memory.answer(production) == made("1.1.0", "1")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b'{"versions": 3}'])
def test_a_damaged_file_is_as_none(memory: Memory, tmp_path: Path, damage: bytes) -> None:
    memory.learn([made("1.0.0")])
    (file,) = tmp_path.glob("known/*/*.json")
    file.write_bytes(damage)
    with pytest.raises(RegistryUnavailable):
        memory.answer(parse_reference(f"{NAME}@1.0.0"))
    memory.learn([made("1.0.0")])
    assert memory.answer(parse_reference(f"{NAME}@1.0.0")) == made("1.0.0")


def test_all_that_many_learn_at_once_is_kept(tmp_path: Path) -> None:
    def learn(number: int) -> None:
        opened(tmp_path).learn([made(f"1.{number}.0", f"{number:x}")])

    threads = [threading.Thread(target=learn, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened(tmp_path).record(NAME).versions) == 16
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_manifest_is_kept_only_as_what_its_name_says(memory: Memory, tmp_path: Path) -> None:
    from registry import open_registry
    from tests.registry.folders import FACTS, write_adapter

    local = open_registry(tmp_path / "local")
    local.publish(write_adapter(tmp_path / "a"), NAME, "1.0.0", facts=FACTS)
    manifest = local.show(NAME).manifest
    assert memory.manifest(manifest.digest) is None
    memory.keep(manifest)
    assert memory.manifest(manifest.digest) == manifest
    (file,) = tmp_path.glob("manifests/*.json")
    file.write_bytes(file.read_bytes().replace(b'"mit"', b'"gpl"'))
    assert memory.manifest(manifest.digest) is None
