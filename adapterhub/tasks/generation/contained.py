"""The inside of the sandbox: a program of its own, started by `sandbox.run`, that shuts itself in and becomes another.

Run as ``python -I -S contained.py FD NONCE CALLER MEMORY CPU DISK PROCESSES`` with a program on stdin. It leaves root
for nobody, enters namespaces of its own (user, mount, network, processes, IPC, host name), builds a root of nothing but
Python's own folders, read-only, and a small folder in memory, and executes a fresh interpreter there under limits. That
one writes ``R`` to FD, runs the program, and only if it came to its end, NONCE. It dies with CALLER. Needs the standard
library alone; what is contained and what is not is said in `sandbox`. Numbers are those of Linux's headers.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

NEW_MOUNTS, NEW_USER, NEW_OTHERS = 0x20000, 0x10000000, 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000
"""Flags of unshare; the others are host name, IPC, processes and network."""
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x1000, 0x4000, 0x40000, 0x2, 0x4
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1  # one number on all machines
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
NOBODY = 65534
ROOT = "/tmp"  # where the new root is built: a folder that is everywhere
WORK = "/work"
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin")

HARNESS = f"""
import os, sys
fd, nonce, own = int(sys.argv[1]), sys.argv[2].encode(), os.getpid()
sys.argv = ["program.py"]
os.write(fd, b"R")
with open("{WORK}/program.py", encoding="utf-8") as file:
    code = compile(file.read(), "program.py", "exec")
exec(code, {{"__name__": "__main__"}})
if os.getpid() == own:  # and not a child that it left behind
    os.write(fd, nonce)
"""

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Shut this process in, and become the program's interpreter."""
    fd, nonce = sys.argv[1:3]
    caller, memory, cpu, disk, processes = map(int, sys.argv[3:])
    program = sys.stdin.buffer.read()
    _enter(disk)
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after the change of user, which forgets it
    if os.getppid() != caller:  # it has died already
        return
    _fork_and_wait()  # the child is the first process of its namespace: when it dies, all others do
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _fork_and_wait()  # and the program is another, since the first one is spared some signals, that of its limits too
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    Path(WORK, "program.py").write_bytes(program)
    os.chdir(WORK)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    _limit(resource.RLIMIT_CPU, cpu)
    _limit(resource.RLIMIT_FSIZE, disk)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_NPROC, processes)
    os.dup2(1, 2)  # from here on nobody reads what it complains of
    interpreter = _interpreter()
    os.execve(interpreter, [interpreter, "-I", "-c", HARNESS, fd, nonce], {})  # capabilities end here: no root inside


def _fork_and_wait() -> None:
    """Go on in a child; the parent ends when that one does."""
    child = os.fork()
    if child:
        os.closerange(3, 64)
        os.waitpid(child, 0)
        os._exit(0)


def _enter(disk: int) -> None:
    """Into new namespaces, as nobody, with a root of little more than nothing."""
    if os.geteuid() == 0:  # whose processes no limit counts, and whom files belong to; but Python may be its own
        _call("unshare", NEW_MOUNTS)
        _build_root(disk)
        os.chown(ROOT + WORK, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the files in /proc/self would be root's
        _unshare_as_nobody(NEW_USER | NEW_OTHERS)
    else:
        _unshare_as_nobody(NEW_USER | NEW_OTHERS | NEW_MOUNTS)
        _build_root(disk)
    os.chroot(ROOT)
    os.chdir("/")


def _unshare_as_nobody(namespaces: int) -> None:
    user, group = os.getuid(), os.getgid()
    _call("unshare", namespaces)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def _build_root(disk: int) -> None:
    """Below `ROOT`: what Python needs, read-only, and an empty folder to work in."""
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    needed = _needed()
    opened = {path: os.open(path, os.O_PATH) for path in needed if not os.path.islink(path)}  # may lie below ROOT
    links = {path: os.readlink(path) for path in needed if os.path.islink(path)}
    _mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, f"size={2 * disk},mode=755")
    for path, source in opened.items():
        os.makedirs(ROOT + path, exist_ok=True)
        _mount(f"/proc/self/fd/{source}", ROOT + path, None, MS_BIND | MS_REC)
        attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)  # struct mount_attr: set, clear, propagation, fd
        target = (ROOT + path).encode()
        _call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, target, AT_RECURSIVE, attributes, ctypes.sizeof(attributes))
        os.close(source)
    for path, target_path in links.items():
        os.symlink(target_path, ROOT + path)
    os.mkdir(ROOT + WORK)


def _needed() -> list[str]:
    """Python's own folders and the system's libraries, outer ones before inner ones, none twice."""
    own = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(_interpreter())}
    paths = [path for path in SYSTEM if os.path.lexists(path)]
    for path in sorted(own, key=len):
        if not any(path == outer or path.startswith(f"{outer}/") for outer in paths):
            paths.append(path)
    return paths


def _interpreter() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
