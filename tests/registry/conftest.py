"""A registry in an empty folder, an adapter to publish, and places for bytes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import LocalRegistry
from tests.registry.folders import write_adapter
from tests.registry.places import Place
from tests.registry.signers import Signer
from tests.support.bucket import environment, object_store


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "registry")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an object store on this machine: moto, which speaks S3 from memory and checks no signature."""
    with object_store() as running:
        yield running.url


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://bytes/<its own prefix>`` on `s3`, which this process and those it starts find by their environment."""
    for name, value in environment(s3).items():
        monkeypatch.setenv(name, value)
    return f"s3://bytes/{uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place for bytes; tests that take it run for each kind there is."""
    location = request.getfixturevalue("bucket") if request.param == "bucket" else str(tmp_path / "bytes")
    return Place(location, tmp_path / "scratch")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.make(tmp_path / "acme")


@pytest.fixture
def other(tmp_path: Path) -> Signer:
    return Signer.make(tmp_path / "other")


@pytest.fixture
def signed(signer: Signer, tmp_path: Path) -> Path:
    return signer.seal(tmp_path / "signed")
