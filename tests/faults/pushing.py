"""A stock client that pushes and pulls until it is done, whatever happens to the server: run as a process.

Arguments: its number, a seed, how many pushes, a folder. Each push adds files of new names to a repository of its own
or to one that all share, and is repeated until it is acknowledged; each pull fetches one that was. Prints
a line of JSON for each acknowledged push, and one at the end.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

PATIENCE = 240.0  # seconds in which anything must succeed
T = TypeVar("T")


class Client:
    """One process's work."""

    def __init__(self, number: int, seed: int, folder: Path) -> None:
        self.random = random.Random(seed * 1000 + number)
        self.api, self.number, self.folder = HfApi(), number, folder
        self.repositories = ["admin/shared", f"admin/own-{number}"]
        self.acknowledged: list[tuple[str, str, str]] = []
        self.repeated = self.pulled = 0

    def insist(self, do: Callable[[], T]) -> T:
        """Do it until it succeeds. What is the client's own fault is not repeated."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return do()
            except (httpx2.HTTPError, HfHubHTTPError, LocalEntryNotFoundError, RuntimeError, OSError) as error:
                response = getattr(error, "response", None)
                refused = response is not None and response.status_code < 500
                if refused or time.monotonic() > deadline:
                    raise
                self.repeated += 1
                time.sleep(0.2)

    def push(self, step: int) -> None:
        repository = self.random.choice(self.repositories)
        contents = {
            f"{self.number}/{step}.txt": f"{self.number} {step}\n".encode(),
            f"{self.number}/{step}.bin": self.random.randbytes(self.random.choice([1_000, 80_000, 400_000])),
        }
        if self.random.random() < 0.5:
            source = self.folder / f"{self.number}-{step}"
            for path, data in contents.items():
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_bytes(data)
            made = self.insist(lambda: self.api.upload_folder(repo_id=repository, folder_path=source))
        else:
            made = self.insist(lambda: self.commit(repository, contents, step))
        told = {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}
        self.acknowledged += [(repository, path, sha256) for path, sha256 in told.items()]
        print(json.dumps({"repository": repository, "commit": made.oid, "files": told}), flush=True)

    def commit(self, repository: str, contents: dict[str, bytes], step: int) -> object:
        operations = [CommitOperationAdd(path, data) for path, data in contents.items()]
        return self.api.create_commit(repository, operations, commit_message=f"step {step}")

    def pull(self) -> None:
        repository, path, sha256 = self.random.choice(self.acknowledged)
        cache = self.folder / "caches" / str(self.pulled)
        got = self.insist(lambda: hf_hub_download(repository, path, cache_dir=cache))
        if hashlib.sha256(Path(got).read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{repository}/{path} came back as something else")
        self.pulled += 1


def main() -> None:
    number, seed, pushes, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    client = Client(number, seed, folder)
    for repository in client.repositories:
        client.insist(lambda name=repository: client.api.create_repo(name, exist_ok=True))  # type: ignore[misc]
    for step in range(pushes):
        client.push(step)
        client.pull()
    print(json.dumps({"done": pushes, "repeated": client.repeated, "pulled": client.pulled}), flush=True)


if __name__ == "__main__":
    main()
