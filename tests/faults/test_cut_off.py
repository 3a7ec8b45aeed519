"""Requests that end before their end, at any byte: the repository stays as it was, and the request, repeated, works."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.registry.server.xet.capture import stub, upload
from tests.support.hub import HubServer, client_environment, running

pytest.importorskip("hf_xet", reason="the client of these tests is not installed")

LARGE = os.urandom(300_000)
SHA256 = hashlib.sha256(LARGE).hexdigest()
CUTS = [0.0, 0.001, 0.5, 0.999]  # of the body
WAIT = 10.0  # seconds until the server has noticed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with running(tmp_path_factory.mktemp("cut") / "hub") as running_server:
        yield running_server


@pytest.fixture(scope="module")
def client(server: HubServer) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as opened:
        assert opened.post("/api/repos/create", json={"name": "cut"}).is_success
        yield opened


def send_part(server: HubServer, method: str, path: str, token: str, body: bytes, sent: int) -> None:
    """A request that says how long it is, sends less, and hangs up."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode() + body[:sent])
        time.sleep(0.05)  # so that the server has begun


def state(server: HubServer, client: httpx2.Client) -> object:
    """All that must not change."""
    found = client.get("/api/models/admin/cut", params={"blobs": "true"}).json()
    stored = sorted(
        path.name for folder in ("blobs", "staged") for path in (server.data / folder).rglob("*") if path.is_file()
    )
    return found["sha"], found["siblings"], stored


def settle(server: HubServer) -> None:
    """Wait until no request has anything in the scratch folder."""
    deadline = time.monotonic() + WAIT
    while left := list((server.data / "tmp").glob("*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def cut_off(server: HubServer, client: httpx2.Client, method: str, path: str, token: str, body: bytes) -> None:
    before = state(server, client)
    for cut in CUTS:
        send_part(server, method, path, token, body, int(len(body) * cut))
    send_part(server, method, path, token, body, len(body) - 1)
    settle(server)
    assert state(server, client) == before


def test_commits(server: HubServer, client: httpx2.Client) -> None:
    lines = [
        {"key": "header", "value": {"summary": "it"}},
        {"key": "file", "value": {"path": "a.txt", "content": "a" * 200_000, "encoding": "utf-8"}},
        {"key": "file", "value": {"path": "b.txt", "content": "b", "encoding": "utf-8"}},
    ]
    body, path = "\n".join(map(json.dumps, lines)).encode(), "/api/models/admin/cut/commit/main"
    cut_off(server, client, "POST", path, server.token, body)
    assert client.post(path, content=body).is_success
    assert client.get("/admin/cut/resolve/main/a.txt").text == "a" * 200_000


def test_files_by_lfs(server: HubServer, client: httpx2.Client) -> None:
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": SHA256, "size": len(LARGE)}]}
    answer = client.post("/admin/cut.git/info/lfs/objects/batch", json=asked).json()
    href = answer["objects"][0]["actions"]["upload"]["href"]
    cut_off(server, client, "PUT", urlsplit(href).path, "", LARGE)
    assert httpx2.put(href, content=LARGE).is_success
    assert client.post("/admin/cut.git/info/lfs/verify", json={"oid": SHA256, "size": len(LARGE)}).is_success


def test_files_by_xet(server: HubServer, client: httpx2.Client, tmp_path: Path) -> None:
    """The bodies are those that a real client sends, to a stub that keeps them."""
    (tmp_path / "weights.bin").write_bytes(LARGE + b"xet")
    with stub() as (endpoint, captured):
        upload(endpoint, tmp_path / "home", tmp_path / "weights.bin")
    given = client.get("/api/models/admin/cut/xet-write-token/main").json()
    base = urlsplit(given["casUrl"]).path + "/v1"
    for name, body in captured.xorbs.items():
        path = f"{base}/xorbs/default/{name}"
        cut_off(server, client, "POST", path, given["accessToken"], body)
        headers = {"Authorization": f"Bearer {given['accessToken']}"}
        assert client.post(path, content=body, headers=headers).json() == {"was_inserted": True}
    for body in captured.shards:
        cut_off(server, client, "POST", f"{base}/shards", given["accessToken"], body)
        assert client.post(f"{base}/shards", content=body, headers=headers).is_success
    sha256 = hashlib.sha256(LARGE + b"xet").hexdigest()
    assert (server.data / "blobs" / sha256[:2] / sha256).read_bytes() == LARGE + b"xet"


FOLDER = """
import sys
from huggingface_hub import HfApi
HfApi().upload_folder(repo_id="admin/cut", folder_path=sys.argv[1])
"""


def test_stock_clients_that_are_killed(server: HubServer, client: httpx2.Client, tmp_path: Path) -> None:
    """Sooner or later in their upload; the next one does all of it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.bin").write_bytes(os.urandom(500_000))
    for turn, delay in enumerate((0.8, 1.5)):
        surroundings = client_environment(server, tmp_path / f"home{turn}", xet=turn % 2 == 0)
        process = subprocess.Popen([sys.executable, "-c", FOLDER, str(folder)], env=surroundings)
        time.sleep(delay)
        process.kill()
        process.wait()
    settle(server)
    surroundings = client_environment(server, tmp_path / "home", xet=True)
    subprocess.run([sys.executable, "-c", FOLDER, str(folder)], env=surroundings, check=True, timeout=120)
    names = {one["rfilename"] for one in client.get("/api/models/admin/cut").json()["siblings"]}
    assert names >= {f"{number}.bin" for number in range(8)}
    assert server.command("check", "--deep").strip() == "all is well"
