"""The ``hf`` command: what people type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.client import run_hf
from tests.support.hub import HubServer


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_folder_goes_up_and_comes_down(server: HubServer, home: Path, tmp_path: Path, xet: bool) -> None:
    name, folder = f"admin/cli-{xet}".lower(), tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (folder / "sub" / "weights.safetensors").write_bytes(bytes(range(256)) * 5000)
    assert "admin" in run_hf(server, home, "auth", "whoami")
    run_hf(server, home, "upload", name, str(folder), ".", xet=xet)
    down = tmp_path / "down"
    run_hf(server, home, "download", name, "--local-dir", str(down), xet=xet)
    for path in ("README.md", "sub/weights.safetensors"):
        assert (down / path).read_bytes() == (folder / path).read_bytes()
    run_hf(server, home, "download", name, "README.md", "--local-dir", str(tmp_path / "one"), xet=xet)
    assert (tmp_path / "one" / "README.md").is_file()


def test_a_folder_goes_to_a_branch_that_is_made(server: HubServer, home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    run_hf(server, home, "upload", "admin/cli-branch", str(tmp_path / "a.txt"), "a.txt", "--revision", "trial/one")
    run_hf(server, home, "download", "admin/cli-branch", "a.txt", "--revision", "trial/one")


def test_repositories_are_made_tagged_moved_and_deleted(server: HubServer, home: Path, tmp_path: Path) -> None:
    run_hf(server, home, "repos", "create", "admin/cli-life", "--private")
    (tmp_path / "a.txt").write_text("a")
    run_hf(server, home, "upload", "admin/cli-life", str(tmp_path / "a.txt"), "a.txt")
    run_hf(server, home, "repos", "tag", "create", "admin/cli-life", "first")
    assert "first" in run_hf(server, home, "repos", "tag", "list", "admin/cli-life")
    run_hf(server, home, "repos", "branch", "create", "admin/cli-life", "trial")
    run_hf(server, home, "repos", "settings", "admin/cli-life", "--public")
    run_hf(server, home, "repos", "move", "admin/cli-life", "admin/cli-moved")
    assert "cli-moved" in run_hf(server, home, "models", "info", "admin/cli-moved")
    run_hf(server, home, "repos", "delete-files", "admin/cli-moved", "a.txt")
    run_hf(server, home, "repos", "delete", "admin/cli-moved", "--yes")
    assert "not found" in run_hf(server, home, "models", "info", "admin/cli-moved", fails=True).lower()


def test_data_sets_too(server: HubServer, home: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n')
    upload = ("upload", "admin/cli-data", str(tmp_path / "train.jsonl"), "train.jsonl", "--repo-type", "dataset")
    run_hf(server, home, *upload)
    run_hf(server, home, "download", "admin/cli-data", "train.jsonl", "--repo-type", "dataset")


def test_a_wrong_token_is_named_as_such(server: HubServer, home: Path) -> None:
    assert "invalid" in run_hf(server, home, "auth", "whoami", token="ahub_wrong", fails=True).lower()
