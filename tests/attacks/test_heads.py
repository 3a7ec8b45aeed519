"""Requests whose heads never end, or are no heads."""

from __future__ import annotations

import socket

import pytest

from tests.support.hub import HubServer


def send(server: HubServer, *pieces: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused before all was sent
        try:
            return connection.recv(65536)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nhost: hub\r\n", *[b"x-a: " + b"a" * 1000 + b"\r\n"] * 5000],
        [b"GET / HTTP/1.1\r\nhost: hub\r\nx-a: ", *[b"a" * 65536] * 64],
        [b"GET /", *[b"a" * 65536] * 64],
    ],
    ids=["many-headers", "one-long-header", "long-path"],
)
def test_a_head_without_end_is_refused(server: HubServer, pieces: list[bytes]) -> None:
    answer = send(server, *pieces)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")), answer
    assert send(server, b"GET /api/agent-harnesses HTTP/1.1\r\nhost: hub\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: 1e9\r\n\r\n",
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: 5\r\ncontent-length: 50\r\n\r\nhello",
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
        b"POST /api/repos/create HTTP/1.1\r\nhost: hub\r\ncontent-length: 999999999\r\n\r\n{",
        b"GET /%ff%fe/%00 HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"GET /admin/x/resolve/main/%0d%0aset-cookie:a=b HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request_is_the_clients_failure(server: HubServer, head: bytes) -> None:
    answer = send(server, head)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b"set-cookie" not in answer.split(b"\r\n\r\n")[0].lower().replace(b"x-error-message", b"")
