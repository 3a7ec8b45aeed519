"""Garbage collection beside a running server, as stock clients see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer

UPLOAD = """
import sys, hashlib
from huggingface_hub import HfApi, hf_hub_download
api, name, file = HfApi(), sys.argv[1], sys.argv[2]
api.create_repo(name, exist_ok=True)
api.upload_file(repo_id=name, path_or_fileobj=file, path_in_repo="weights.bin")
got = hf_hub_download(name, "weights.bin", cache_dir=sys.argv[3])
assert open(got, "rb").read() == open(file, "rb").read()
"""
DELETE = """
import sys
from huggingface_hub import HfApi
HfApi().delete_repo(sys.argv[1])
"""


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_the_same_client_uploads_again_what_was_collected(
    server: HubServer, home: Path, tmp_path: Path, xet: bool
) -> None:
    """A Xet client remembers which pieces it sent to which address of a server, and does not send them again there."""
    file, name = tmp_path / "weights.bin", f"admin/again-{xet}".lower()
    file.write_bytes(bytes(range(256)) * 10_000 + name.encode() + server.url.encode())
    run_python(UPLOAD, server, home, name, str(file), str(tmp_path / "one"), xet=xet)
    run_python(DELETE, server, home, name)
    gone = json.loads(server.command("gc", "--days", "0", "--xorb-days", "0", "--json").rpartition("}")[0] + "}")
    assert gone["objects"] >= 1 and gone["repositories"] >= 1
    assert gone["xorbs"] or not xet
    run_python(UPLOAD, server, home, name, str(file), str(tmp_path / "two"), xet=xet)
    assert server.command("check", "--deep").strip() == "all is well"
