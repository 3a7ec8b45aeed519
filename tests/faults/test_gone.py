"""What a server stands on goes away for a while: it says so at once, and goes on by itself when that is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.faults.wire import Wire, wire
from tests.support.bucket import BUCKET, ObjectStore, environment
from tests.support.hub import PostgreSQL, running

SOON = 30.0  # seconds in which a client is told


def refused(ask: Callable[[], httpx2.Response]) -> None:
    began = time.monotonic()
    answer = ask()
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < SOON


def works(ask: Callable[[], httpx2.Response]) -> None:
    """At once, or as soon as a client that heeds Retry-After asks again."""
    deadline = time.monotonic() + SOON
    while not (answer := ask()).is_success:
        assert answer.status_code == 503 and time.monotonic() < deadline, answer.text
        time.sleep(0.2)


@pytest.mark.slow
def test_the_database(tmp_path: Path) -> None:
    cluster = PostgreSQL()
    try:
        with running(tmp_path / "hub", cluster.create()) as server, wire(server, "one") as admin:
            works(admin.create)
            works(lambda: admin.write("a.txt", "a"))
            cluster.stop("immediate")
            for ask in questions(admin):
                refused(ask)
            cluster.start()
            works(admin.info)
            works(lambda: admin.upload("b.bin", b"b" * 100_000))
            assert admin.get("a.txt").text == "a" and admin.get("b.bin").content == b"b" * 100_000
            assert server.command("check", "--deep").strip() == "all is well"
            assert server.process and server.process.poll() is None
    finally:
        cluster.remove()


def questions(admin: Wire) -> list[Callable[[], httpx2.Response]]:
    return [
        admin.info,
        lambda: admin.get("a.txt"),
        lambda: admin.write("c.txt", "c"),
        lambda: admin.upload("c.bin", b"c" * 100_000),
    ]


@pytest.mark.slow
def test_the_bucket(s3: ObjectStore, tmp_path: Path) -> None:
    surroundings = environment(s3.url) | {"ADAPTERHUB_HUB_BLOBS": f"s3://{BUCKET}/{tmp_path.name}"}
    with running(tmp_path / "hub", environment=surroundings) as server, wire(server, "one") as admin:
        works(admin.create)
        works(lambda: admin.write("a.txt", "a"))
        head = admin.info().json()["sha"]
        s3.stop()
        try:
            for ask in questions(admin)[1:]:
                refused(ask)
            assert admin.info().json()["sha"] == head
        finally:
            s3.start()
        assert not list((server.data / "tmp").glob("*"))
        works(lambda: admin.write("c.txt", "c"))
        works(lambda: admin.upload("c.bin", b"c" * 100_000))
        assert admin.get("a.txt").text == "a" and admin.get("c.bin").content == b"c" * 100_000
        assert server.command("check", "--deep").strip() == "all is well"
