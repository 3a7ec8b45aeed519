"""adapters.lock: the same bytes for the same content, and nothing else is pulled than what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry import LocalRegistry
from registry.errors import LockError, RevokedVersion
from registry.lock import FOLDER, Lock, address_of
from tests.registry.folders import FACTS, write_adapter

NAME = "acme/intent"


@pytest.fixture
def released(registry: LocalRegistry, tmp_path: Path) -> LocalRegistry:
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        registry.publish(write_adapter(tmp_path / version, seed=seed), NAME, version, facts=FACTS)
    return registry


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "adapters.lock"


def test_the_order_of_locking_leaves_no_trace(released: LocalRegistry, file: Path, tmp_path: Path) -> None:
    references = [f"{NAME}@^1", f"{NAME}@1.0.0", NAME]
    written = []
    for order in (references, references[::-1]):
        lock = Lock()
        for reference in order:
            lock = lock.locked(reference, released, FOLDER)
        lock.write(file)
        written.append(file.read_bytes())
    assert written[0] == written[1]
    assert Lock.read(file) == lock
    assert list(tmp_path.glob(".adapters.lock*")) == []


def test_a_locked_range_stays_where_it_was(released: LocalRegistry, tmp_path: Path) -> None:
    lock = Lock().locked(f"{NAME}@^1", released, FOLDER)
    released.publish(write_adapter(tmp_path / "next", seed=9), NAME, "1.2.0", facts=FACTS)
    version, folder = lock.pull(f"{NAME}@^1", released, FOLDER)
    assert version.version == "1.1.0" and (folder / "manifest.json").is_file()
    assert lock.locked(f"{NAME}@^1", released, FOLDER).adapters[f"{NAME}@^1"].version == "1.2.0"


def test_what_is_not_locked_is_not_pulled(released: LocalRegistry) -> None:
    lock = Lock().locked(f"{NAME}@1.0.0", released, FOLDER)
    with pytest.raises(LockError, match=r"1\.1\.0 is not locked"):
        lock.pull(f"{NAME}@1.1.0", released, FOLDER)


def test_a_registry_with_other_content_is_refused(released: LocalRegistry, tmp_path: Path) -> None:
    lock = Lock().locked(f"{NAME}@1.0.0", released, FOLDER)
    other = LocalRegistry(tmp_path / "other")
    other.publish(write_adapter(tmp_path / "another", seed=7), NAME, "1.0.0", facts=FACTS)
    with pytest.raises(LockError, match="locked digest"):
        lock.pull(f"{NAME}@1.0.0", other, FOLDER)
    with pytest.raises(LockError, match=r"hub\.example\.org"):
        lock.pull(f"{NAME}@1.0.0", released, "https://hub.example.org")


def test_a_locked_version_that_was_revoked_is_refused(released: LocalRegistry) -> None:
    lock = Lock().locked(f"{NAME}@1.0.0", released, FOLDER)
    released.revoke(f"{NAME}@1.0.0", "leaks")
    with pytest.raises(RevokedVersion):
        lock.pull(f"{NAME}@1.0.0", released, FOLDER)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda one: one.update(format=2), "format 2"),
        (lambda one: one.update(more=1), "more"),
        (lambda one: one["adapters"][NAME].pop("digest"), "digest"),
        (lambda one: one["adapters"][NAME].update(digest="sha256:1"), "digest"),
        (lambda one: one["adapters"][NAME].update(repository="../x"), "repository"),
        (lambda one: one["adapters"][NAME].update(version="latest"), "version"),
        (lambda one: one["adapters"].update({"no name": one["adapters"][NAME]}), "no name"),
    ],
)
def test_a_file_that_is_not_valid_says_where(released: LocalRegistry, file: Path, change: object, place: str) -> None:
    Lock().locked(NAME, released, FOLDER).write(file)
    document = json.loads(file.read_bytes())
    change(document)  # type: ignore[operator]
    file.write_text(json.dumps(document))
    with pytest.raises(LockError, match=place):
        Lock.read(file)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(LockError, match="is not there"):
        Lock.read(file)
    assert Lock.read(file, missing_ok=True) == Lock()
    file.write_bytes(b"\xff")
    with pytest.raises(LockError, match="not valid"):
        Lock.read(file, missing_ok=True)


def test_a_folder_is_not_named_in_it() -> None:
    assert address_of("/home/ada/registry") == FOLDER
    assert address_of("https://hub.example.org/") == "https://hub.example.org"
    assert address_of("hf") == "https://huggingface.co"
