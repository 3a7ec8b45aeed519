"""A registry in an empty folder, an adapter to publish, and places for bytes."""

from __future__ import annotations

import logging
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import LocalRegistry
from tests.registry.folders import write_adapter
from tests.registry.places import Place


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "registry")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an object store on this machine: moto, which speaks S3 from memory and checks no signature."""
    from moto.server import ThreadedMotoServer  # takes a second: only where a test wants it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/bytes", method="PUT")).close()
    yield address
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://bytes/<its own prefix>`` on `s3`, which this process and those it starts find by their environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    return f"s3://bytes/{uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place for bytes; tests that take it run for each kind there is."""
    location = request.getfixturevalue("bucket") if request.param == "bucket" else str(tmp_path / "bytes")
    return Place(location, tmp_path / "scratch")
