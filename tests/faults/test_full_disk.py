"""The server's disk has no room: it says so, keeps what it has, and goes on by itself when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.wire import wire
from tests.support.hub import running

SIZE = 6 << 20  # bytes of the disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; only root may make one."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_no_room(disk: Path) -> None:
    with running(disk / "hub") as server, wire(server, "one") as admin:
        assert admin.create().is_success
        assert admin.upload("a.bin", b"a" * 500_000).is_success
        head = admin.info().json()["sha"]
        answer = admin.upload("large.bin", os.urandom(SIZE))  # more than there is
        assert (answer.status_code, answer.json()["code"]) == (507, "full")
        assert not list((server.data / "tmp").glob("*"))
        assert admin.upload("b.bin", b"b" * 500_000).is_success
        filler = disk / "filler"  # somebody else's: now there is no room for anything
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                while True:
                    try:
                        file.write(bytes(size))
                    except OSError:
                        break
        for ask in (lambda: admin.write("c.txt", "c" * 5_000), lambda: admin.upload("c.bin", b"c" * 50_000)):
            answer = ask()
            assert (answer.status_code, answer.json()["code"]) == (507, "full"), answer.text
        assert admin.get("a.bin").content == b"a" * 500_000
        assert admin.info().json()["sha"] != head
        filler.unlink()
        assert admin.write("c.txt", "c" * 5_000).is_success
        assert admin.upload("c.bin", b"c" * 50_000).is_success
        assert admin.get("c.txt").text == "c" * 5_000
        assert not list((server.data / "tmp").glob("*"))
        assert server.command("check", "--deep").strip() == "all is well"
