"""Two server processes on one PostgreSQL and one store: they agree on who was first."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support.bucket import BUCKET, ObjectStore, environment
from tests.support.hub import HubServer, PostgreSQL, running

ROUNDS, AT_ONCE = 12, 6


@pytest.fixture(params=["folder", "bucket"])
def servers(request: pytest.FixtureRequest, postgresql: PostgreSQL, tmp_path: Path) -> Iterator[list[HubServer]]:
    database, surroundings = postgresql.create(), {}
    if request.param == "bucket":
        s3: ObjectStore = request.getfixturevalue("s3")
        surroundings = environment(s3.url) | {"ADAPTERHUB_HUB_BLOBS": f"s3://{BUCKET}/{tmp_path.name}"}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running(tmp_path / "hub", database, environment=surroundings))
        second = HubServer(first.data, database, environment=surroundings, token=first.token)
        stack.callback(second.stop)
        yield [first, second.start()]


def client(server: HubServer) -> httpx2.Client:
    return httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, timeout=60)


def commit(server: HubServer, parent: str, path: str, text: str) -> httpx2.Response:
    lines = [
        {"key": "header", "value": {"summary": path, "parentCommit": parent}},
        {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}},
    ]
    with client(server) as opened:
        return opened.post("/api/models/admin/both/commit/main", content="\n".join(map(json.dumps, lines)).encode())


@pytest.mark.slow
def test_one_commit_wins_for_each_parent(servers: list[HubServer]) -> None:
    with client(servers[0]) as opened:
        assert opened.post("/api/repos/create", json={"name": "both"}).is_success
        head = opened.get("/api/models/admin/both").json()["sha"]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for turn in range(ROUNDS):
            # the same text from all, so that they put the same bytes at once
            asked = [(servers[one % 2], head, f"{turn}-{one}.txt", f"turn {turn}") for one in range(AT_ONCE)]
            answers = list(threads.map(lambda arguments: commit(*arguments), asked))
            assert sorted(answer.status_code for answer in answers) == [200, *[412] * (AT_ONCE - 1)]
            head = next(answer.json()["commitOid"] for answer in answers if answer.is_success)
    for server in servers:
        with client(server) as opened:
            found = opened.get("/api/models/admin/both").json()
            assert found["sha"] == head
            assert len(found["siblings"]) == ROUNDS + 1
    assert servers[0].command("check", "--deep").strip() == "all is well"


@pytest.mark.slow
def test_the_same_large_file_through_both(servers: list[HubServer]) -> None:
    data = bytes(range(256)) * 8_000
    sha256 = hashlib.sha256(data).hexdigest()

    def upload(number: int) -> list[int]:
        """All that a client does, in a repository of its own."""
        server, name = servers[number % 2], f"r{number}"
        with client(server) as opened:
            made = opened.post("/api/repos/create", json={"name": name})
            body = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256, "size": len(data)}]}
            batch = opened.post(f"/admin/{name}.git/info/lfs/objects/batch", json=body)
            actions = batch.json()["objects"][0]["actions"]
            sent = httpx2.put(actions["upload"]["href"], content=data, timeout=60)
            lines = [
                {"key": "header", "value": {"summary": "one"}},
                {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": sha256, "size": len(data)}},
            ]
            text = "\n".join(map(json.dumps, lines)).encode()
            committed = opened.post(f"/api/models/admin/{name}/commit/main", content=text)
            other = servers[(number + 1) % 2]
            got = httpx2.get(f"{other.url}/admin/{name}/resolve/main/w.bin", timeout=60)
            assert got.content == data
            return [answer.status_code for answer in (made, batch, sent, committed, got)]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert list(threads.map(upload, range(8))) == [[200] * 5] * 8
    assert servers[1].command("check", "--deep").strip() == "all is well"
