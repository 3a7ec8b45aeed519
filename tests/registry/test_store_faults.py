"""Where bytes are kept fails: full disks, buckets out of reach, writers that die, packages that are not there.

The bucket is moto's, on this machine (``conftest.s3``).
"""

from __future__ import annotations

import hashlib
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.errors import RegistryUnavailable, UnsupportedRegistry
from registry.store import BlobStore, Scratch, Staging, open_store
from tests.registry.places import Place
from tests.registry.processes import ROOT, Worker, at_once

DATA = b"weights" * 50_000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(DATA)
    return file


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, bucket: str) -> str:
    """An address on this machine where nobody listens, as the endpoint of a bucket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    return address


def test_a_bucket_out_of_reach_is_refused_when_it_is_opened(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match=r"^s3://bytes/x cannot be read or written: .*127\.0\.0\.1") as caught:
        open_store("s3://bytes/x", tmp_path)
    assert "AWS_ENDPOINT_URL" in caught.value.hint
    assert len(str(caught.value).splitlines()) == 2


def test_each_verb_says_that_the_bucket_is_out_of_reach(nobody: str, tmp_path: Path, source: Path) -> None:
    from obstore.store import from_url

    from registry.store.bucket import BucketObjects

    once = from_url("s3://bytes/x", client_options={"allow_http": True}, retry_config={"max_retries": 0})
    objects = BucketObjects("s3://bytes/x", once, Scratch(tmp_path / "scratch"))
    blobs, staging = BlobStore(objects), Staging(objects)
    verbs = {
        "put": lambda: blobs.put(source, SHA256),
        "move": lambda: blobs.put(source, SHA256, move=True),
        "copy": lambda: blobs.copy(SHA256, len(DATA), tmp_path / "copy"),
        "holds": lambda: blobs.holds(SHA256),
        "size": lambda: blobs.size(SHA256),
        "read": lambda: blobs.read(SHA256, 0, 1),
        "delete": lambda: blobs.delete(SHA256),
        "list": lambda: list(blobs.list()),
        "stage": lambda: staging.put("a", source),
        "open": lambda: staging.open("a"),
        "staged": lambda: list(staging.list()),
        "unstage": lambda: staging.delete("a"),
    }
    for verb in verbs.values():
        with pytest.raises(RegistryUnavailable, match="s3://bytes/x cannot be read or written"):
            verb()
    assert source.read_bytes() == DATA
    assert not list((tmp_path / "scratch").iterdir())


def test_a_bucket_that_does_not_exist(bucket: str, tmp_path: Path, source: Path) -> None:
    from obstore.store import from_url

    from registry.store.bucket import CLIENT, BucketObjects

    with pytest.raises(RegistryUnavailable, match="s3://nothing"):
        open_store("s3://nothing/x", tmp_path)
    gone = BucketObjects("s3://nothing", from_url("s3://nothing", client_options=CLIENT), Scratch(tmp_path / "scratch"))
    with pytest.raises(RegistryUnavailable, match="no bucket at s3://nothing"):
        BlobStore(gone).put(source, SHA256)


@pytest.mark.parametrize("location", ["ftp://host/x", "https://bucket.s3.amazonaws.com", "file:///tmp/x", "s4://x"])
def test_addresses_that_hold_no_bytes(location: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedRegistry, match="bytes cannot be kept at") as caught:
        open_store(location, tmp_path)
    assert location in caught.value.message


def test_a_bucket_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="s3://"):
        open_store("s3://", tmp_path)


def test_a_folder_that_cannot_be_one(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match=f"{source} cannot hold blobs"):
        open_store(str(source), tmp_path)


def test_obstore_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "registry.store.bucket", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UnsupportedRegistry, match="needs the package obstore") as caught:
        open_store("s3://bytes/x", tmp_path)
    assert "adapterhub[server]" in caught.value.hint


def test_nothing_but_a_bucket_imports_obstore() -> None:
    code = "import sys, registry.store; sys.exit('obstore' in sys.modules or 'registry.store.disk' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_room_on_the_disk(place: Place, source: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for it. Nothing is stored; the message names the disk that is full."""
    place.staging.put("part", source)
    arguments = {"location": place.location, "scratch": tmp_path / "scratch", "source": source, "sha256": SHA256}
    (told,) = at_once([Worker("put_without_room", target=tmp_path / "copy", limit=64 << 10, **arguments)])
    assert f"{place.scratch} cannot be read or written: [Errno 27] File too large" in told["put"]
    assert f"{tmp_path} cannot be read or written: [Errno 27] File too large" in told["copy"]
    if place.in_bucket:
        assert f"{place.scratch} cannot be read or written: [Errno 27] File too large" in told["open"]
    else:
        assert told["open"] == len(DATA)
    assert not place.left_over()
    assert not list(place.blobs.list())


def test_a_folder_that_may_not_be_written(tmp_path: Path, source: Path) -> None:
    """A file where a folder is needed stands for it, since tests may run as root, who may write everywhere."""
    blobs = open_store(str(tmp_path / "bytes"), tmp_path).blobs
    (tmp_path / "bytes" / "blobs").write_bytes(b"in the way")
    with pytest.raises(RegistryUnavailable, match=f"{tmp_path / 'bytes'} cannot be read or written"):
        blobs.put(source, SHA256)
    assert not list((tmp_path / "bytes" / "tmp").iterdir())


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_nothing_that_is_not_whole(place: Place, tmp_path: Path) -> None:
    """Killed again and again at any moment, most often in the middle of a put of several parts; watched until then."""
    stored: list[str] = []
    for round_ in range(4):
        folder = tmp_path / f"round{round_}"
        folder.mkdir()
        worker = Worker("put_until_killed", location=place.location, scratch=folder / "scratch", folder=folder)
        worker.wait_until_ready()
        worker.go()
        stored.append(worker.read())
        deadline = time.monotonic() + random.uniform(0.1, 0.6)  # seconds, in which it puts a few
        while time.monotonic() < deadline:
            assert {one.size for one in place.blobs.list()} == {18 << 20}
        stored += worker.kill()
    found = {one.key for one in place.blobs.list()}
    assert set(stored) <= found
    assert all(place.blobs.holds(sha256) for sha256 in found)
