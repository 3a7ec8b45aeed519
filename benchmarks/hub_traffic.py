"""What a Hub server bears: downloads beside nginx's of the same file, publishing clients, and its memory meanwhile."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

from benchmarks.harness import Disagreement
from tests.registry.folders import front_matter, write_adapter
from tests.support.hub import ROOT, HubServer, client_environment, free_port

FILE_BYTES = 50_000_000
CLIENTS = 8
CHUNK = 10 << 20  # bytes; what huggingface_hub asks its HTTP client for at once
MEGABYTE = 1e6

UPLOAD = """
import sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("admin/large")
api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo="large.bin", repo_id="admin/large")
"""
DOWNLOAD = """
import shutil, sys
from huggingface_hub import hf_hub_download
for turn in range(int(sys.argv[1])):
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    hf_hub_download("admin/large", "large.bin", cache_dir=sys.argv[2])
"""
PUBLISH = """
import sys
from huggingface_hub import HfApi
api, client, folder = HfApi(), sys.argv[1], sys.argv[2]
sys.stdin.readline()
for turn in range(int(sys.argv[3])):
    name = f"admin/published-{client}-{turn}"
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=folder)
    api.create_tag(name, tag="1.0.0")
"""


def download_share(server: HubServer, root: Path, rounds: int) -> dict[str, float]:
    """How fast a file comes, as a share of how fast nginx gives it; both to one client, in turns."""
    file = root / "www" / "large.bin"
    file.parent.mkdir()
    file.write_bytes(os.urandom(FILE_BYTES))
    _run(UPLOAD, server, root / "uploader", str(file))
    with _nginx(root, file.parent) as address:
        places = {"hub": f"{server.url}/admin/large/resolve/main/large.bin", "nginx": f"{address}/large.bin"}
        for place in places.values():
            if httpx2.get(place).content != file.read_bytes():
                raise Disagreement(f"{place} gave other bytes")
        shares = []
        for _ in range(rounds):
            seconds = {name: _seconds(place) for name, place in places.items()}
            shares.append(seconds["nginx"] / seconds["hub"])
    return {"download_vs_nginx": round(statistics.median(shares), 3)}


def memory_while_downloading(server: HubServer, root: Path, turns: int) -> dict[str, float]:
    """The server's resident memory while clients download: the most, and how much it grew from the first half on."""
    if server.process is None:
        raise RuntimeError("the server is not running")
    process, over, samples = psutil.Process(server.process.pid), threading.Event(), list[float]()

    def watch() -> None:
        while not over.wait(0.05):
            samples.append(process.memory_info().rss / MEGABYTE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    running = [
        _start(DOWNLOAD, server, root / f"down-{number}", str(turns), str(root / f"cache-{number}"))
        for number in range(CLIENTS)
    ]
    for one in running:
        _finish(one)
    over.set()
    watcher.join()
    half = len(samples) // 2
    growth = max(samples[half:]) - max(samples[:half])
    return {"server_rss_mb": round(max(samples), 1), "server_rss_growth_mb": round(growth, 1)}


def publishes_per_second(server: HubServer, root: Path, each: int) -> float:
    """Repositories made, adapters pushed and versions admitted a second, by clients that begin at once."""
    folder = write_adapter(root / "adapter", card=front_matter(**CARD))
    running = [
        _start(PUBLISH, server, root / f"publisher-{number}", str(number), str(folder), str(each))
        for number in range(CLIENTS)
    ]
    time.sleep(5)  # until all have imported what they need
    started = time.perf_counter()
    for one in running:
        if one.stdin is not None:
            one.stdin.write(b"\n")
            one.stdin.close()
    for one in running:
        _finish(one)
    return round(CLIENTS * each / (time.perf_counter() - started), 2)


CARD = {
    "license": "mit",
    "base_model": "tests/tiny-bert",
    "pipeline_tag": "text-classification",
    "labels": ["a", "b", "c"],
}


def _seconds(place: str) -> float:
    started, total = time.perf_counter(), 0
    with httpx2.stream("GET", place) as answer:
        for piece in answer.iter_bytes(CHUNK):
            total += len(piece)
    if total != FILE_BYTES:
        raise Disagreement(f"{place} gave {total:,} bytes")
    return time.perf_counter() - started


@contextmanager
def _nginx(root: Path, folder: Path) -> Iterator[str]:
    """Debian's nginx on a folder, with sendfile, as it is configured by default."""
    if shutil.which("nginx") is None:
        raise RuntimeError("nginx is not installed: apt-get install nginx-light")
    port, config = free_port(), root / "nginx.conf"
    config.write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""} daemon off; pid {root}/nginx.pid; error_log {root}/nginx.log;
        events {{}}
        http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
        """
    )
    process = subprocess.Popen(["nginx", "-c", str(config)])
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _start(code: str, server: HubServer, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=client_environment(server, home),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(process: subprocess.Popen[bytes]) -> None:
    error = process.stderr.read() if process.stderr else b""
    if process.wait():
        raise Disagreement(f"a client failed: {error.decode()[-1500:]}")


def _run(code: str, server: HubServer, home: Path, *arguments: str) -> None:
    _finish(_start(code, server, home, *arguments))
