"""Running stock clients as their users do: in a process of their own, which knows the server by HF_ENDPOINT alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.hub import HubServer, client_environment

TIMEOUT = 300  # seconds


def run_python(
    code: str, server: HubServer, home: Path, *arguments: str, xet: bool = False, token: str | None = None
) -> str:
    """Run a program, which must succeed; returns what it printed."""
    return _run([sys.executable, "-c", code, *arguments], server, home, xet, token).stdout


def run_hf(
    server: HubServer, home: Path, *arguments: str, xet: bool = False, token: str | None = None, fails: bool = False
) -> str:
    """Run ``hf ARGUMENTS``; returns what it printed, also for errors where it must fail."""
    command = [str(Path(sys.executable).with_name("hf")), *arguments]
    done = _run(command, server, home, xet, token, fails=fails)
    return done.stdout + done.stderr if fails else done.stdout


def _run(
    command: list[str], server: HubServer, home: Path, xet: bool, token: str | None, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env=client_environment(server, home, token, xet=xet),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if (done.returncode != 0) is not fails:
        raise AssertionError(f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done
