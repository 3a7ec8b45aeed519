"""Requests that two servers would read differently, headers of an attacker's making, and what the logs then hold."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.test_heads import send
from tests.support.hub import HubServer, running

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: hub\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 4",
        b"content-length: 4\r\ncontent-length: 40",
        b"content-length: 4, 40",
        b"content-length: +4",
        b"content-length: 0x4",
        b"content-length : 4",
        b"transfer-encoding: xchunked",
        b"transfer-encoding: identity, chunked, identity",
        b"transfer-encoding : chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: cow",
        b"x: y\r\n content-length: 4",
        b"x: y\ntransfer-encoding: chunked",
        b"x: y\rcontent-length: 4",
        b"x\0: y",
        b"expect: 100-continue\r\ncontent-length: 99999999999",
    ],
)
def test_no_request_is_hidden_in_another(server: HubServer, head: bytes) -> None:
    answer = send(server, b"POST /api/validate-yaml HTTP/1.1\r\nhost: hub\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    assert b"/smuggled" not in answer
    statuses = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert len(statuses) <= 1, answer


@pytest.mark.parametrize(
    "target",
    [
        b"/admin/x/resolve/main/a%0d%0ax-injected:%20yes",
        b"/admin%0d%0ax-injected:yes/x",
        b"/admin/x%0d%0ax-injected:yes/",
        b"/api/models?search=%0d%0ax-injected:yes&limit=1",
        b"/api/models?sort=%0d%0ax-injected:yes",
        b"/api/models/admin/x/commits/main?cursor=%0d%0ax-injected:yes",
        b"/%0d%0ax-injected:yes/%0d%0a/",
        b"//evil.example/x/",
        b"//evil.example/%2e%2e/",
    ],
)
def test_no_header_is_injected(server: HubServer, target: bytes) -> None:
    answer = send(server, b"GET " + target + b" HTTP/1.1\r\nhost: hub\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nx-injected" not in head
    for line in head.split(b"\r\n"):
        if line.startswith(b"location:"):
            assert line.startswith(b"location: http://hub/"), line


@pytest.mark.parametrize("host", [b"[", b"a b", b"hub/x?y#z", b"hub:99999999", b"hub\x00", b"\xff", b"", b"a" * 9000])
def test_a_host_that_is_none_is_no_failure_of_the_server(server: HubServer, host: bytes) -> None:
    for target in (b"/", b"/admin/x", b"/api/models/", b"/api/models?limit=1"):
        answer = send(server, b"GET " + target + b" HTTP/1.1\r\nhost: " + host + b"\r\n\r\n")
        assert not answer.startswith(b"HTTP/1.1 5"), answer


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubServer, Path]]:
    folder = tmp_path_factory.mktemp("logged")
    with running(folder / "hub", options=["--access-log", str(folder / "access.log")]) as server:
        yield server, folder / "access.log"


def test_a_request_is_one_line_of_the_log_whatever_it_holds(logged: tuple[HubServer, Path]) -> None:
    server, log = logged
    lines = [
        b"\r\n",
        b"\n{}",
        b"%0a%7b%22user%22:%22admin%22%7d",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\x1b[2J",
        b'"},{"user":"admin',
    ]
    for text in lines:
        quoted = text.replace(b"\r", b"%0d").replace(b"\n", b"%0a").replace(b" ", b"%20")
        send(
            server,
            b"GET /x/" + quoted + b"?" + quoted + b" HTTP/1.1\r\nhost: hub\r\nx-request-id: " + quoted + b"\r\n\r\n",
        )
    request = urllib.request.Request(f"{server.url}/api/whoami-v2", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.url}/{server.token}?token={server.token}")
    entries = [json.loads(line) for line in log.read_bytes().split(b"\n") if line]
    assert all(set(entry) >= {"time", "path", "status", "user"} for entry in entries)
    assert [entry["user"] for entry in entries if entry["user"]] == ["admin"]
    assert all(letter >= " " and letter != "\x7f" for line in log.read_text().split("\n") for letter in line)


def test_a_token_is_in_no_log(logged: tuple[HubServer, Path]) -> None:
    """The first start says the administrator's once, to who starts it; after that nothing does, least an error."""
    server, log = logged
    bearer = f"authorization: Bearer {server.token}\r\n".encode()
    for head in (
        b"GET /api/whoami-v2 HTTP/1.1\r\nhost: hub\r\n" + bearer,
        b"GET /api/models/admin/absent HTTP/1.1\r\nhost: hub\r\n" + bearer,
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: 1\r\n" + bearer,
        b"BAD /\x01 HTTP/1.1\r\nhost: hub\r\n" + bearer,
        b"PUT /_lfs/x HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\n" + bearer,
    ):
        send(server, head + b"\r\n{")
    assert server.log.read_text().count(server.token) == 1
    with_path = [line for line in log.read_text().splitlines() if server.token in line]
    assert all(json.loads(line)["path"] == f"/{server.token}" for line in with_path)  # whoever puts it there
