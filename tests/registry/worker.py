"""What a process of ``processes.py`` does. Each line on stdout is one JSON value; the last one is the result."""

from __future__ import annotations

import json
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


JOBS: dict[str, Callable[..., None]] = {
    job.__name__: job for job in (publish, publish_until_killed, publish_without_room, pull, pull_anew, alias, count_up)
}

if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    JOBS[sys.argv[1]](**json.loads(sys.argv[2]))
