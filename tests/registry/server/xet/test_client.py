"""What the installed hf_xet uploads is read: its xorbs have the hashes that it gives them, its files come back."""

from __future__ import annotations

import array
import hashlib
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from registry.errors import BadUpload
from registry.server.xet import ShardFile, assemble, check_xorb, read_shard
from registry.server.xet.xorb import MAX_CHUNK_BYTES, MAX_DATA_BYTES, MAX_XORB_BYTES, Scheme
from tests.registry.server.xet.capture import Captured, stub, upload

pytest.importorskip("hf_xet", reason="the client of these tests is not installed")
pytest.importorskip("huggingface_hub", reason="the client of these tests is not installed")

_random = random.Random(0)
FLOATS = array.array("f", [_random.gauss(0, 0.02) for _ in range(500_000)]).tobytes()
TEXT = b"".join(b"%d adapters on one backbone\n" % number for number in range(20_000))
CONTENTS = {
    "floats": FLOATS,
    "changed": FLOATS[:1_000_001] + TEXT + FLOATS[1_000_001:],  # most of it is in the xorb of the first
    "zeros": bytes(1_000_003),  # one chunk, many times
    "tiny": b"hello",
}


@dataclass(frozen=True)
class Upload:
    """What a client sent, and what the commits name: sha256 by path."""

    captured: Captured
    files: dict[str, ShardFile]
    named: dict[str, str]

    def open(self, name: str) -> BinaryIO:
        if name not in self.captured.xorbs:
            raise FileNotFoundError(name)
        return io.BytesIO(self.captured.xorbs[name])

    def content(self, sha256: str, target: Path) -> bytes:
        assemble(self.files[sha256], target, self.open, max_bytes=1 << 30)
        return target.read_bytes()


def uploaded(folder: Path, *paths: Path) -> Upload:
    with stub() as (endpoint, captured):
        for path in paths:
            upload(endpoint, folder / "home", path)
    files = [file for body in captured.shards for file in read_shard(io.BytesIO(body))]
    lines = [line["value"] for commit in captured.commits for line in commit if line["key"] == "lfsFile"]
    return Upload(captured, {str(file.sha256): file for file in files}, {line["path"]: line["oid"] for line in lines})


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Upload:
    folder = tmp_path_factory.mktemp("xet")
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return uploaded(folder, *(folder / name for name in CONTENTS))


def test_files_come_back(sent: Upload, tmp_path: Path) -> None:
    assert sent.named == {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    for name, content in CONTENTS.items():
        assert sent.content(sent.named[name], tmp_path / name) == content


def test_xorbs_have_the_hashes_that_they_are_sent_with(sent: Upload) -> None:
    schemes = set()
    for name, body in sent.captured.xorbs.items():
        index = check_xorb(io.BytesIO(body), name)
        assert index[-1].start + index[-1].packed_bytes == len(body)  # no footer
        schemes.update(chunk.scheme for chunk in index)
    assert schemes == set(Scheme)


def test_a_later_file_names_chunks_of_an_earlier_xorb(sent: Upload) -> None:
    first = {segment.xorb for segment in sent.files[sent.named["floats"]].segments}
    later = [segment.xorb for segment in sent.files[sent.named["changed"]].segments]
    assert first < set(later)
    assert sum(map(len, sent.captured.xorbs.values())) < sum(map(len, CONTENTS.values())) / 2


def test_a_shard_cut_short_is_refused(sent: Upload) -> None:
    for body in sent.captured.shards:
        for end in range(0, body.index(b"\xff" * 32) + 48, 16):
            with pytest.raises(BadUpload):
                read_shard(io.BytesIO(body[:end]))


def test_a_folder_of_small_files_shares_a_xorb(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    contents = {f"{number}.bin": b"%d" % number for number in range(30)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sent = uploaded(tmp_path, folder)
    assert len(sent.captured.xorbs) == len(sent.captured.shards) == 1
    for name, content in contents.items():
        assert sent.content(sent.named[name], tmp_path / name) == content


def test_a_file_of_several_xorbs(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(70_000_000)
    (tmp_path / "large").write_bytes(content)
    sent = uploaded(tmp_path, tmp_path / "large")
    assert len(sent.captured.xorbs) == 2
    largest = max(map(len, sent.captured.xorbs.values()))
    assert MAX_DATA_BYTES < largest <= MAX_XORB_BYTES  # more than 64 MiB: chunks that do not shrink, and their headers
    for name, body in sent.captured.xorbs.items():
        assert max(chunk.unpacked_bytes for chunk in check_xorb(io.BytesIO(body), name)) == MAX_CHUNK_BYTES
    (sha256,) = sent.named.values()
    assert sent.content(sha256, tmp_path / "copy") == content
