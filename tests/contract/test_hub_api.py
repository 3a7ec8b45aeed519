"""huggingface_hub's own API, unpatched, in a process of its own that only knows HF_ENDPOINT."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.hub import HubServer, client_environment


def run(code: str, server: HubServer, home: Path, *arguments: str, xet: bool = False, token: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=client_environment(server, home, token, xet=xet),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMIT = """
import sys
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
api, name = HfApi(), sys.argv[1]
api.create_repo(name)
api.create_repo(name, exist_ok=True)
added = [CommitOperationAdd("a.txt", b"a"), CommitOperationAdd("b/c.txt", b"c")]
first = api.create_commit(name, added, commit_message="one")
assert api.list_repo_files(name) == [".gitattributes", "a.txt", "b/c.txt"]
assert open(hf_hub_download(name, "b/c.txt"), "rb").read() == b"c"
api.create_commit(name, [CommitOperationAdd("a.txt", b"A")], commit_message="two", parent_commit=first.oid)
try:
    api.create_commit(name, [CommitOperationAdd("a.txt", b"X")], commit_message="late", parent_commit=first.oid)
    raise SystemExit("a stale parent was accepted")
except HfHubHTTPError as error:
    assert error.response.status_code == 412, error
assert open(hf_hub_download(name, "a.txt"), "rb").read() == b"A"
assert open(hf_hub_download(name, "a.txt", revision=first.oid), "rb").read() == b"a"
try:
    api.model_info("admin/none")
    raise SystemExit("a repository that is not there was found")
except RepositoryNotFoundError:
    print("done")
"""


def test_a_repository_is_made_committed_to_and_read(server: HubServer, home: Path) -> None:
    assert run(COMMIT, server, home, "admin/first").endswith("done\n")
