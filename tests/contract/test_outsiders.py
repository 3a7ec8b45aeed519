"""What stock clients do beside pushing and pulling: a file system, odd names, copies, and ids that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer

FILE_SYSTEM = """
import sys
from huggingface_hub import HfApi, HfFileSystem
api, files, name = HfApi(), HfFileSystem(), sys.argv[1]
api.create_repo(name)
with files.open(f"{name}/d/one.txt", "w") as file:
    file.write("hello world")
with files.open(f"{name}/d/e/two.bin", "wb") as file:
    file.write(bytes(2_000_000))
assert sorted(files.ls(name, detail=False)) == [f"{name}/.gitattributes", f"{name}/d"]
assert files.glob(f"{name}/**/*.txt") == [f"{name}/d/one.txt"]
assert files.find(name) == [f"{name}/{path}" for path in (".gitattributes", "d/e/two.bin", "d/one.txt")]
assert [folder for folder, _, _ in files.walk(name)] == [name, f"{name}/d", f"{name}/d/e"]
with files.open(f"{name}/d/one.txt", "rb") as file:
    file.seek(6)
    assert file.read(3) == b"wor"
with files.open(f"{name}/d/e/two.bin", "rb", block_size=100_000) as file:
    file.seek(1_999_990)
    assert file.read() == bytes(10)
info = files.info(f"{name}/d/e/two.bin")
assert info["size"] == 2_000_000 and info["lfs"], info
files.cp_file(f"{name}/d/one.txt", f"{name}/c/copy.txt")
files.cp_file(f"{name}/d/e/two.bin", f"{name}/c/copy.bin")
files.mv(f"{name}/c/copy.txt", f"{name}/c/moved.txt")
assert files.read_text(f"{name}/c/moved.txt") == "hello world"
api.create_branch(name, branch="feat/x")
with files.open(f"{name}@feat%2Fx/only.txt", "w") as file:
    file.write("branch")
assert files.read_text(f"hf://{name}@feat%2Fx/only.txt") == "branch" and not files.exists(f"{name}/only.txt")
files.rm(f"{name}/c", recursive=True)
files.invalidate_cache()
assert not files.exists(f"{name}/c") and files.exists(f"{name}/d/one.txt")
print("done")
"""

NAMES = """
import os, sys
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
api, name = HfApi(), sys.argv[1]
api.create_repo(name)
plain = ["a b", "\\u00fc/\\u00f6 \\u00e9", "per%20cent", "p+l+u+s", "ha#sh", "wh?at", "\\u65e5\\u672c/\\u8a9e",
         "amp&=;:@,", "br[a]{c}k", "quote'\\"", "~$`^|<>*", "/".join(["deep"] * 60), "long" * 50,
         "emoji\\U0001f600", "%2F"]
sent = {f"{path}.{ending}": os.urandom(40) for path in plain for ending in ("txt", "bin")}
api.create_commit(name, [CommitOperationAdd(*one) for one in sent.items()], commit_message="names")
assert set(sent) | {".gitattributes"} == set(api.list_repo_files(name))
assert {one.path for one in api.get_paths_info(name, list(sent))} == set(sent)
folder = snapshot_download(name)
for path, data in sent.items():
    assert open(os.path.join(folder, path), "rb").read() == data, path
    assert open(hf_hub_download(name, path, force_download=len(path) < 9), "rb").read() == data, path
copies = [CommitOperationCopy(path, f"copied/{path}") for path in sent]
api.create_commit(name, copies, commit_message="copies")
folder = snapshot_download(name)
for path, data in sent.items():
    assert open(os.path.join(folder, "copied", path), "rb").read() == data, path
api.create_commit(name, [CommitOperationDelete(path) for path in sent], commit_message="deletions")
assert not set(sent) & set(api.list_repo_files(name))
print("done")
"""

ABSENT = """
import sys
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import RepositoryNotFoundError
for token in (None, False):
    api = HfApi(token=token)
    for name in ("bert-base-uncased", "admin/none"):
        for ask in (api.model_info, api.dataset_info, api.list_repo_files, api.list_repo_refs, api.snapshot_download,
                    lambda name: api.hf_hub_download(name, "config.json"),
                    lambda name: api.model_info(name, revision="v1"),
                    lambda name: api.get_paths_info(name, ["a"])):
            try:
                ask(name)
                raise SystemExit(f"{name} was found")
            except RepositoryNotFoundError:
                pass
        assert not any(api.repo_exists(name, repo_type=kind) for kind in ("model", "dataset", "space"))
        assert not api.file_exists(name, "config.json")
assert not HfFileSystem().exists("admin/none/a.txt")
print("done")
"""


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_repository_is_a_file_system(server: HubServer, home: Path, xet: bool) -> None:
    assert run_python(FILE_SYSTEM, server, home, f"admin/fs-{xet}".lower(), xet=xet).endswith("done\n")


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_files_keep_whatever_names_they_have(server: HubServer, home: Path, xet: bool) -> None:
    assert run_python(NAMES, server, home, f"admin/names-{xet}".lower(), xet=xet).endswith("done\n")


def test_what_is_not_here_is_said_not_to_be(server: HubServer, home: Path) -> None:
    assert run_python(ABSENT, server, home).endswith("done\n")
