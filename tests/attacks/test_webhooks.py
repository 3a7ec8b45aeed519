"""Webhooks as a way into the server's own network, as a way to stop it, and as a way to lie to its clients."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from registry.errors import ForgedNotice, InvalidReference
from registry.index import rows
from registry.index.webhooks import enqueue
from registry.notices import verify
from registry.server import reach
from registry.server.sender import Sender
from tests.attacks.world import World

INSIDE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://localhost/",
    "http://LOCALHOST:80/",
    "http://localhost./",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fd00::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[ff02::1]/",
]
NONE = [
    "",
    "x",
    "//127.0.0.1/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "http://",
    "http:///x",
    "http://user:password@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/",
    "http://[::1",
    "http://8.8.8.8:99999/",
    "http://8.8.8.8:x/",
    "http://8.8.8.8/\r\nhost: x",
    "http://8.8.8.8/\0",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 200 + "example/",
    "http://no-such-name.invalid/",
    "http://１２７.0.0.1/",
    "http://127。0。0。1/",
    "http://\U0001f600/",
]


@pytest.mark.parametrize("url", [*INSIDE, *NONE], ids=lambda url: repr(url[:40]))
def test_no_webhook_leads_inside(world: World, url: str) -> None:
    with world.unharmed():
        answer = world.send("ann", "POST", "/api/namespaces/acme/webhooks", json={"url": url})
        assert answer.status_code == 400, answer.text


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes names lead to addresses, to the next of them at each look-up."""
    asked: list[str] = []

    def lead(*places: list[str]) -> list[str]:
        answers = iter([*places, *[places[-1]] * 100])

        def found(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in next(answers)]

        monkeypatch.setattr(reach.socket, "getaddrinfo", found)
        return asked

    return lead


def test_one_private_address_among_public_ones_is_enough(lookups: Callable[..., list[str]]) -> None:
    lookups(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(InvalidReference, match="private network"):
        reach.check_address("http://mixed.example/", allow_private=False)


@contextmanager
def listening(answer: bytes, pause: float = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that notes what it is sent, and answers byte by byte."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as place:
        place.settimeout(10)

        def serve() -> None:
            try:
                connection, _ = place.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65536))
                try:
                    for byte in answer:
                        connection.sendall(bytes([byte]))
                        time.sleep(pause)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # closing with something unread would take the answer back
                        pass
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield place.getsockname()[1], heard
        if not heard:
            place.shutdown(socket.SHUT_RDWR)  # nobody will call: let go of who waits for it
    thread.join()


def due(world: World, url: str) -> int:
    """A message that is due to a webhook of that address; the webhook's number."""
    hook, _ = world.hub.webhooks.add("acme", None, url, ["alias.moved"], "ann")
    with world.hub.database.write() as session:
        enqueue(session, rows.repository(session, "acme/public"), "alias.moved", {"alias": "x"})
    return hook.id


def outcome(world: World, hook: int) -> tuple[int | None, str]:
    """How the try went; the webhook is gone afterwards."""
    (entry,) = world.hub.webhooks.deliveries("acme", hook, 10)
    world.hub.webhooks.remove("acme", hook, "ann")
    return entry.status, entry.error


def test_a_name_that_leads_inside_by_the_time_it_is_called_is_not_called(
    world: World, lookups: Callable[..., list[str]]
) -> None:
    with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (port, heard):
        lookups(["127.0.0.1"])
        hook = due(world, f"http://rebound.example:{port}/")
        Sender(world.hub.webhooks, allow_private=False).send_due()
    assert heard == []
    status, error = outcome(world, hook)
    assert (status, "private network" in error) == (None, True)


def test_what_was_judged_is_what_is_called(
    world: World, lookups: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look-up would lead elsewhere; there is none. 127.0.0.1 counts as public here, to be heard at."""
    monkeypatch.setattr(reach, "_is_public", lambda place: place == "127.0.0.1")
    with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (port, heard):
        asked = lookups(["127.0.0.1"], ["127.0.0.99"])
        hook = due(world, f"http://rebound.example:{port}/path?query=1")
        Sender(world.hub.webhooks, allow_private=False).send_due()
    assert asked == ["rebound.example"]
    assert heard[0].startswith(b"POST /path?query=1 HTTP/1.1\r\n")
    assert f"host: rebound.example:{port}\r\n".encode() in heard[0].lower()
    assert outcome(world, hook) == (200, "")


def test_no_redirect_is_followed(world: World) -> None:
    with listening(b"HTTP/1.1 200 OK\r\n\r\n") as (target, heard):
        moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % target
        with listening(moved) as (port, first):
            hook = due(world, f"http://127.0.0.1:{port}/")
            Sender(world.hub.webhooks, allow_private=True).send_due()
        assert len(first) == 1
    assert heard == []
    assert outcome(world, hook)[0] == 307


def test_an_answer_that_never_ends_holds_nobody_up(world: World) -> None:
    with listening(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200, pause=0.1) as (slow, _):
        with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (quick, heard):
            hooks = [
                world.hub.webhooks.add("acme", None, f"http://127.0.0.1:{port}/", ["alias.moved"], "ann")[0].id
                for port in (slow, quick)
            ]
            with world.hub.database.write() as session:
                enqueue(session, rows.repository(session, "acme/public"), "alias.moved", {"alias": "x"})
            before = time.monotonic()
            assert Sender(world.hub.webhooks, allow_private=True, timeout=3.0).send_due() == 2
            assert time.monotonic() - before < 10
        assert len(heard) == 1
    outcomes = [outcome(world, hook) for hook in hooks]
    assert [status for status, _ in outcomes] == [None, 200], outcomes


def test_forged_and_replayed_messages_are_refused() -> None:
    secret, other = "whsec_" + "A" * 32, "whsec_" + "B" * 32
    body = json.dumps({"type": "alias.moved", "timestamp": "2026-01-01T00:00:00Z", "data": {"repository": "a/b"}})

    def headers(key: str, moment: datetime, text: str = body, id: str = "msg_1") -> dict[str, str]:
        signature = Webhook(key).sign(id, moment, text)
        return {"webhook-id": id, "webhook-timestamp": str(int(moment.timestamp())), "webhook-signature": signature}

    now = datetime.now(UTC)
    assert verify([secret], headers(secret, now), body.encode())
    for forged in (
        {},
        headers(other, now),
        headers(secret, now - timedelta(hours=1)),
        headers(secret, now + timedelta(hours=1)),
        headers(secret, now, body + " "),
        headers(secret, now) | {"webhook-id": "msg_2"},
        headers(secret, now) | {"webhook-signature": "v1,"},
        headers(secret, now) | {"webhook-timestamp": "x"},
        headers(secret, now) | {"webhook-timestamp": "9" * 400},
    ):
        with pytest.raises(ForgedNotice):
            verify([secret], forged, body.encode())
