"""Running a program that a model wrote, where it can do no harm: Linux only, and refused elsewhere.

Contained, by namespaces of its own and a process that is nobody's: the network (there is none, not even loopback);
files (it sees Python's own folders, read-only, and an empty folder in memory, which goes with it); other processes (it
sees none, and cannot signal or trace any); its environment (empty), stdin, stdout and stderr (nothing). Limited:
processor and wall time, memory of each process, the size of a file and of all files together, processes, open files.
When time is up, or when it ends, every process that it started is killed with it, also one that left its session.

Not contained: what the kernel's own faults allow (no system call is filtered); the processor and memory that it may
use within the limits (memory counts for each process, so for all of them it is `processes` times as much); how much it
learns of the machine from Python's folders, `os.uname` or the clock. Nothing of it comes out but whether it ran to its
end. A program that searches the interpreter which runs it for the word of success can forge that, so a pass means
something for programs that try to solve their task, not for ones that try to cheat here.

Where the kernel allows no such namespaces (some containers, some distributions' settings), nothing is run.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapterhub.errors import SandboxError

CONTAINED = Path(__file__).with_name("contained.py")
STARTUP_SECONDS = 20  # a loaded machine takes its time to begin


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Attributes:
        seconds: processor time of each process, and half of the wall time of all.
        memory: bytes of address space of each process.
        disk: bytes of one file; all together may take twice as many, which count as memory.
        processes: processes and threads at a time.
    """

    seconds: int = 5
    memory: int = 512 * 2**20
    disk: int = 2**20
    processes: int = 8


def passes(program: str, limits: Limits = Limits()) -> bool:
    """Whether `program` runs to its end within the limits; raising, exiting early and being killed are failures.

    Raises:
        SandboxError: nothing was run, since it could not be contained here.
    """
    if sys.platform != "linux":
        raise SandboxError(
            f"programs are run in Linux's namespaces, and this is {sys.platform}", "Evaluate code on a Linux machine."
        )
    nonce = secrets.token_hex(16)
    process, result = _launched(nonce, limits)
    with process, os.fdopen(result, "rb") as answers:
        try:
            _hand_over(process, program.encode("utf-8", "replace"))
            if not _readable(result, STARTUP_SECONDS) or answers.read(1) != b"R":
                raise _refused(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2 * limits.seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the launcher: all that is inside dies with it
            process.wait()
        return answers.read(len(nonce) + 1) == nonce.encode()


def _launched(nonce: str, limits: Limits) -> tuple[subprocess.Popen[bytes], int]:
    """The launcher, and the end of a pipe that says how it went."""
    read, write = os.pipe()
    figures = [os.getpid(), limits.memory, limits.seconds, limits.disk, limits.processes]
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(CONTAINED), str(write), nonce, *map(str, figures)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[write],
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    return process, read


def _hand_over(process: subprocess.Popen[bytes], program: bytes) -> None:
    if process.stdin:
        with suppress(BrokenPipeError), process.stdin as stream:  # it ended before: what it complained of says why
            stream.write(program)


def _readable(pipe: int, seconds: float) -> bool:
    return bool(select.select([pipe], [], [], seconds)[0])


def _refused(process: subprocess.Popen[bytes]) -> SandboxError:
    """Why nothing was run: the last line of what the launcher complained of."""
    os.killpg(process.pid, signal.SIGKILL)
    complaint = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
    return SandboxError(
        f"no sandbox could be made here: {complaint.splitlines()[-1] if complaint else 'it did not start'}",
        "Code is run where user namespaces are allowed (sysctl user.max_user_namespaces; in a container, its seccomp "
        "profile).",
    )
