"""huggingface_hub's own API, unpatched, in a process of its own that only knows HF_ENDPOINT."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer

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
    assert run_python(COMMIT, server, home, "admin/first").endswith("done\n")


LARGE = """
import os, sys, hashlib
from huggingface_hub import HfApi, hf_hub_download
api, name, folder = HfApi(), sys.argv[1], sys.argv[2]
os.makedirs(folder + "/sub")
sizes = {"a.bin": 100, "sub/b.safetensors": 3_000_000, "c.txt": 11_000_000, "empty.bin": 0, "note.md": 30}
for path, size in sizes.items():
    with open(f"{folder}/{path}", "wb") as file:
        file.write(os.urandom(size // 2).replace(b"\\0", b"0") + b"\\1\\2\\3\\4" * ((size - size // 2) // 4 + 1))
        file.truncate(size)
api.create_repo(name)
api.upload_folder(repo_id=name, folder_path=folder)
for path in sizes:
    with open(f"{folder}/{path}", "rb") as sent, open(hf_hub_download(name, path), "rb") as got:
        assert sent.read() == got.read(), path
files = {one.rfilename: one for one in api.model_info(name, files_metadata=True).siblings}
assert files["note.md"].lfs is None and files["empty.bin"].lfs is None
with open(folder + "/c.txt", "rb") as file:
    assert files["c.txt"].lfs.sha256 == hashlib.sha256(file.read()).hexdigest()
head = api.model_info(name).sha
api.upload_folder(repo_id=name, folder_path=folder)
assert api.model_info(name).sha == head, "the same folder again made a commit"
print("done")
"""


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_large_files_go_and_come_back(server: HubServer, home: Path, tmp_path: Path, xet: bool) -> None:
    name, folder = f"admin/large-{xet}".lower(), tmp_path / "folder"
    assert run_python(LARGE, server, home, name, str(folder), xet=xet).endswith("done\n")
