"""Tests run from an empty home, offline, and reach this machine only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_home_is_not_the_developers() -> None:
    assert "adapterhub-tests-" in str(Path.home())


def test_the_hub_is_offline() -> None:
    from huggingface_hub import constants

    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "2001:db8::1"])
def test_other_machines_are_out_of_reach(host: str) -> None:
    with pytest.raises(PermissionError, match="this machine only"):
        socket.create_connection((host, 80), timeout=0.1)


def test_loopback_is_in_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass


@pytest.mark.parametrize(("option", "code"), [((), 0), (("--require-data",), 1)])
def test_a_test_without_its_data_skips_or_where_data_is_required_fails(
    tmp_path: Path, option: tuple[str, ...], code: int
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text("def test_it(data_root): ...\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rs", f"--confcutdir={tmp_path}", *option, str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "ADAPTERHUB_DATA"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "ADAPTERHUB_DATA is unset" in done.stdout
