"""What a process of ``processes.py`` does. Each line on stdout is one JSON value; the last one is the result."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry import open_registry
from registry.errors import RegistryError
from registry.store import open_store
from tests.registry.folders import FACTS, write_adapter


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def publish(root: str, folder: str, versions: list[str], repository: str = "acme/intent") -> None:
    """Publish each version of a folder; results are digests, or codes of errors."""
    registry = open_registry(root)
    found = []
    for version in versions:
        try:
            found.append(registry.publish(folder, repository, version, facts=FACTS).digest)
        except RegistryError as error:
            found.append(error.code)
    say(found)


def publish_until_killed(root: str, folder: str, start: int) -> None:
    """Publish changing content under rising numbers, saying each number once it is published."""
    registry = open_registry(root)
    for number in range(start, 1_000_000):
        adapter = write_adapter(Path(folder), seed=number)
        registry.publish(adapter, "acme/intent", f"1.0.{number}", facts=FACTS)
        say(number)


def pull(root: str, references: list[str]) -> None:
    registry = open_registry(root)
    say([str(registry.pull(reference)) for reference in references])


def pull_anew(root: str, reference: str) -> None:
    """Pull, lose the snapshot, and so on until killed."""
    registry = open_registry(root)
    while True:
        folder = registry.pull(reference)
        say("pulled")
        shutil.rmtree(folder.rename(Path(root) / uuid.uuid4().hex))


def publish_without_room(root: str, folder: str, limit: int) -> None:
    """Publish where no file may have more than `limit` bytes."""
    registry = open_registry(root)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # let writing fail, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    except OSError as error:
        say(error.strerror)


def alias(root: str, version: str, expect: str | None) -> None:
    try:
        say(open_registry(root).alias("acme/intent", "production", version, expect=expect).version)
    except RegistryError as error:
        say(error.code)


def count_up(root: str, times: int) -> None:
    """Move the alias one number up, `times` times, trying again whenever another process was faster."""
    registry = open_registry(root)
    for _ in range(times):
        while True:
            current = registry.resolve("acme/intent@production").version
            following = f"1.0.{int(current.rpartition('.')[2]) + 1}"
            try:
                registry.alias("acme/intent", "production", following, expect=current)
                break
            except RegistryError as error:
                if error.code != "alias-conflict":
                    raise
    say("done")


def put_blob(location: str, scratch: str, source: str, sha256: str, times: int) -> None:
    blobs = open_store(location, Path(scratch)).blobs
    for _ in range(times):
        blobs.put(Path(source), sha256)
    say("done")


def put_until_killed(location: str, scratch: str, folder: str) -> None:
    """Put large blobs, each another one, saying each once it is stored."""
    blobs = open_store(location, Path(scratch)).blobs
    for number in range(1_000_000):
        file = Path(folder) / f"{number}"
        data = os.urandom(1 << 20) * 18
        file.write_bytes(data)
        blobs.put(file, hashlib.sha256(data).hexdigest(), move=number % 2 == 0)
        say(hashlib.sha256(data).hexdigest())


def put_without_room(location: str, scratch: str, source: str, sha256: str, target: str, limit: int) -> None:
    """Put, copy and open where no file may have more than `limit` bytes; the results are the errors' messages."""
    blobs, staging, _ = open_store(location, Path(scratch))
    size = Path(source).stat().st_size
    blobs.put(Path(source), sha256)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def told(verb: Callable[[], Any]) -> Any:
        try:
            return verb()
        except RegistryError as error:
            return error.message

    copied = told(lambda: blobs.copy(sha256, size, Path(target)))
    blobs.delete(sha256)
    put = told(lambda: blobs.put(Path(source), sha256))
    say({"copy": copied, "put": put, "open": told(lambda: len(staging.open("part").read()))})


JOBS: dict[str, Callable[..., None]] = {
    job.__name__: job
    for job in (
        *(publish, publish_until_killed, publish_without_room, pull, pull_anew, alias, count_up),
        *(put_blob, put_until_killed, put_without_room),
    )
}

if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    JOBS[sys.argv[1]](**json.loads(sys.argv[2]))
