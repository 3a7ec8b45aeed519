"""Bodies that are too large, too slow, too deep, or say that they are something else."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from registry.server.wire import bodies
from registry.server.wire.bodies import JSON_BYTES
from tests.attacks.requests import filled, kinds
from tests.attacks.world import Route, World, put
from tests.support.hub import HubServer

pytestmark = pytest.mark.slow  # each asks every route many times over

SECONDS = 5.0  # what any of this may take on a busy machine; most of it takes milliseconds
JSON = {"Content-Type": "application/json"}


def chunks(total: int, piece: bytes = b"a" * 65536) -> Iterator[bytes]:
    """A body without Content-Length."""
    yield b'{"x":"'
    for _ in range(total // len(piece) + 1):
        yield piece


def takes_a_body(world: World) -> list[Route]:
    return [route for route in world.routes() if route.method in ("POST", "PUT", "DELETE")]


@pytest.mark.parametrize("in_chunks", [False, True])
def test_no_endpoint_takes_more_than_it_needs(world: World, in_chunks: bool) -> None:
    whole = b"".join(chunks(JSON_BYTES))
    with world.unharmed():
        for route in takes_a_body(world):
            path = filled(route, kinds(route)[0], "public")
            if "/commit/" in path:
                continue
            content: Any = chunks(JSON_BYTES) if in_chunks else whole
            answer = world.send("ann", route.method, path, content=content, headers=JSON)
            streamed = (path.startswith(("/_lfs/", "/_cas/")) and path != "/_lfs/forged") or route.method == "PUT"
            expected = (403, 413) if streamed else (413,)  # these go by their ticket, and read nothing
            assert answer.status_code in expected, (route, answer.status_code, answer.text)


def test_no_name_makes_a_body_unlimited(world: World) -> None:
    for path in ("/api/models/a/commit/branch/x", "/api/models/commit/a/tag/x", "/api/models/_lfs/a/like", "/_lfs/x"):
        answer = world.send("", "POST", path, content=chunks(JSON_BYTES), headers=JSON)
        assert answer.status_code == 413, path


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, gzip", "identity, gzip"])
def test_nothing_is_decompressed(world: World, encoding: str) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    headers = JSON | {"Content-Encoding": encoding}
    with world.unharmed():
        for path in (
            "/api/repos/create",
            "/api/models/acme/public/commit/main",
            "/api/validate-yaml",
            "/_lfs/x",
            "/_cas/a/b/v1/shards",
        ):
            assert world.send("ann", "POST", path, content=bomb, headers=headers).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"\n" * 40_000_000,
        b"{}\n" * 30_000,
        b'{"key":"file","value":{}}\n' * 30_000,
        b'{"key":"header"',
        b"\xff\xfe",
        b"x" * 21_000_000,
        b"null",
        b"[]",
    ],
    ids=["blank", "many", "empty", "cut", "binary", "line", "null", "list"],
)
def test_commits_of_nonsense_are_refused(world: World, body: bytes) -> None:
    before = time.monotonic()
    with world.unharmed():
        answer = world.send("ann", "POST", "/api/models/acme/public/commit/main", content=body)
        assert answer.status_code in (400, 413), answer.text
    assert time.monotonic() - before < 2 * SECONDS


def test_millions_of_lines_are_refused_early(world: World) -> None:
    line = json.dumps({"key": "deletedFile", "value": {"path": "a"}}).encode() + b"\n"
    body = json.dumps({"key": "header", "value": {"summary": "s"}}).encode() + b"\n" + line * 1_000_000
    before = time.monotonic()
    with world.unharmed():
        assert world.send("ann", "POST", "/api/models/acme/public/commit/main", content=body).status_code == 413
    assert time.monotonic() - before < 2 * SECONDS


BOMBS = {
    "merges": "a0: &a0 {k: v, l: w}\n"
    + "\n".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 8)}]}}" for n in range(1, 12)),
    "laughs": "a0: &a0 [lol]\n" + "\n".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)),
    "itself": "a: &a [*a]",
    "flow": "a: " + "[" * 100_000,
    "block": "a:\n " + "- " * 100_000,
    "keys": "a:\n " + "? " * 50_000,
    "values": "a: [" + "1," * 120_000 + "]",
    "base60": "a: " + "1:" * 120_000 + "1",
    "digits": "a: " + "9" * 200_000,
    "anchors": "\n".join(f"k{n}: &a{n} x" for n in range(15_000)),
    "open": "a: '" + "x\n\n" * 80_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_a_card_costs_little_whatever_it_holds(world: World, bomb: str) -> None:
    card = f"---\nlicense: mit\n{bomb}\n---\n"
    before = time.monotonic()
    with world.unharmed():
        answer = world.send("", "POST", "/api/validate-yaml", json={"content": card})
    assert answer.status_code in (200, 400)
    assert set(answer.json()) == {"errors", "warnings"}
    assert time.monotonic() - before < SECONDS / 2
    assert world.commit("ann", "acme/public", put("README.md", card.encode())).status_code == 200
    shown = world.send("ann", "GET", "/api/models/acme/public")
    assert shown.status_code == 200
    assert len(shown.content) < 2_000_000
    assert time.monotonic() - before < SECONDS


@pytest.mark.parametrize(
    "pattern", ["*a" * 30 + "b", "**/" * 100 + "x", "[a-", "[z-a]", "\\", "!", "a" * 200_000, "(a+)+$" * 20, "?" * 5000]
)
def test_patterns_cost_little_whatever_they_are(world: World, pattern: str) -> None:
    files = [{"path": "a" * 400 + str(number), "size": 1, "sample": ""} for number in range(256)]
    before = time.monotonic()
    body = {"files": files, "gitIgnore": pattern}
    with world.unharmed():
        answer = world.send("rita", "POST", "/api/models/acme/public/preupload/main?create_pr=1", json=body)
        assert answer.status_code in (200, 400), answer.text
    rule = f"{pattern} filter=lfs\n".encode()
    assert world.commit("ann", "acme/public", put(".gitattributes", rule)).status_code == 200
    answer = world.send("ann", "POST", "/api/models/acme/public/preupload/main", json={"files": files})
    assert answer.status_code in (200, 400), answer.text
    assert time.monotonic() - before < SECONDS


def test_many_patterns_are_refused(world: World) -> None:
    body = {"files": [], "gitIgnore": "\n".join(f"*a*b*{number}*" for number in range(20_000))}
    before = time.monotonic()
    answer = world.send("rita", "POST", "/api/models/acme/public/preupload/main?create_pr=1", json=body)
    assert answer.status_code in (400, 422)
    assert time.monotonic() - before < SECONDS


def test_a_listing_of_many_folders_takes_little(world: World) -> None:
    assert world.send("ann", "POST", "/api/repos/create", json={"name": "acme/folders"}).status_code == 200
    lines = [put(f"{number:04d}/a/b/c/d/e/f/g/x", b"x") for number in range(2000)]
    assert world.commit("ann", "acme/folders", *lines).status_code == 200
    before = time.monotonic()
    for query in ("", "?recursive=1", "?recursive=1&expand=1", "?recursive=1&cursor=1999"):
        answer = world.send("", "GET", f"/api/models/acme/folders/tree/main{query}")
        assert answer.status_code == 200
        assert len({one["path"] for one in answer.json()}) == len(answer.json()) > 0
    assert time.monotonic() - before < SECONDS


HEADERS = {
    "terabytes": b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}',
    "length": None,
    "negative": b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
    "overflow": b'{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}',
    "overlap": b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},'
    b'"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
    "deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "infinite": b'{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}',
}


@pytest.mark.parametrize("name", HEADERS)
def test_no_version_is_made_of_a_false_header(world: World, name: str) -> None:
    header = HEADERS[name]
    weights = b"\xff" * 8 + b"{}" if header is None else len(header).to_bytes(8, "little") + header + b"1234"
    config = {"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "a/b", "target_modules": ["q"]}
    repository = f"acme/false-{name}"
    assert world.send("ann", "POST", "/api/repos/create", json={"name": repository}).status_code == 200
    card = b"---\nlicense: mit\nbase_model: a/b\npipeline_tag: text-classification\n---\n"
    files = {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": weights,
        "README.md": card,
    }
    lines = [put(path, data) for path, data in files.items()]
    assert world.commit("ann", repository, *lines).status_code == 200
    with world.unharmed():
        answer = world.send("ann", "POST", f"/api/models/{repository}/tag/main", json={"tag": "1.0.0"})
        assert answer.status_code == 422, answer.text
        assert "adapter_model.safetensors" in answer.text


@pytest.mark.parametrize("path", ["/api/repos/create", "/api/validate-yaml", "/api/models/acme/public"])
def test_a_body_that_stops_is_waited_for_only_so_long(server: HubServer, path: str) -> None:
    """The server's own wait is a minute: here it is seen to hold up nobody."""
    head = f"POST {path} HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(head.encode())
        before = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as other:
            other.sendall(b"GET /health HTTP/1.1\r\nhost: hub\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - before < SECONDS
    finally:
        for connection in slow:
            connection.close()


def test_slow_bodies_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "MAX_SILENCE", 0.2)

    async def silent(scope: dict[str, Any]) -> list[Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(30)
            return {"type": "http.request", "body": b"", "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        await asyncio.wait_for(world.app(scope, receive, send), 5)
        return sent

    token = world.tokens["ann"].encode()
    for path in ("/api/repos/create", "/api/models/acme/public/commit/main"):
        headers = [(b"host", b"hub"), (b"content-type", b"application/json"), (b"authorization", b"Bearer " + token)]
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "client": ("1.2.3.4", 5),
            "server": ("hub", 80),
            "scheme": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "root_path": "",
        }
        with world.unharmed():
            answer = asyncio.run(silent(scope))
        assert answer[0]["status"] == 408


def test_samples_and_contents_that_are_no_base64(world: World) -> None:
    for text in ("é", "a", "====", "-_-_", base64.b64encode(b"x").decode() + "!"):
        line = {"key": "file", "value": {"path": "a", "content": text, "encoding": "base64"}}
        with world.unharmed():
            assert world.commit("ann", "acme/public", line).status_code == 400
            files = {"files": [{"path": "a", "size": 1, "sample": text}]}
            answer = world.send("ann", "POST", "/api/models/acme/public/preupload/main", json=files)
            assert answer.status_code == 200
