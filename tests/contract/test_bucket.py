"""A server whose files are in a bucket: clients notice nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.contract.client import run_python
from tests.contract.test_hub_api import LARGE
from tests.support.bucket import BUCKET, environment, object_store
from tests.support.hub import HubServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """On SQLite, with its files in S3."""
    with object_store() as store:
        surroundings = environment(store.url) | {"ADAPTERHUB_HUB_BLOBS": f"s3://{BUCKET}/hub"}
        with running(tmp_path_factory.mktemp("bucket") / "hub", environment=surroundings) as running_server:
            yield running_server


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_large_files_go_and_come_back(server: HubServer, home: Path, tmp_path: Path, xet: bool) -> None:
    name, folder = f"admin/large-{xet}".lower(), tmp_path / "folder"
    assert run_python(LARGE, server, home, name, str(folder), xet=xet).endswith("done\n")
    assert not (server.data / "blobs").exists()


SNAPSHOT = """
import sys, os
from huggingface_hub import HfApi, snapshot_download
api, name = HfApi(), "admin/snapshot"
api.create_repo(name)
os.makedirs(sys.argv[1] + "/sub")
for path, data in {"a.txt": b"a", "sub/b.bin": bytes(range(256)) * 40_000, "sub/empty": b""}.items():
    with open(f"{sys.argv[1]}/{path}", "wb") as file:
        file.write(data)
api.upload_folder(repo_id=name, folder_path=sys.argv[1])
got = snapshot_download(name)
for path in ("a.txt", "sub/b.bin", "sub/empty"):
    with open(f"{sys.argv[1]}/{path}", "rb") as sent, open(f"{got}/{path}", "rb") as back:
        assert sent.read() == back.read(), path
print("done")
"""


def test_snapshots_and_ranges(server: HubServer, home: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert run_python(SNAPSHOT, server, home, str(tmp_path / "folder"), xet=True).endswith("done\n")
    address, data = f"{server.url}/admin/snapshot/resolve/main/sub/b.bin", bytes(range(256)) * 40_000
    for asked, start, stop in [("0-0", 0, 1), ("1000-4000000", 1000, 4_000_001), ("-5", len(data) - 5, len(data))]:
        answer = httpx2.get(address, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, data[start:stop])
    assert httpx2.get(address, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert server.command("check", "--deep").strip() == "all is well"
