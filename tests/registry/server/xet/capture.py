"""What the real client sends: a stub of a Hub that keeps the bodies of an upload by `hf_xet`, and the upload.

The client runs in a process of its own, since huggingface_hub reads its environment once, with a cache of its own,
since it remembers what it sent and sends it once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CLIENT = """
import sys
from pathlib import Path
from huggingface_hub import HfApi
api = HfApi(token="hf_test")
for path in map(Path, sys.argv[1:]):
    if path.is_dir():
        api.upload_folder(folder_path=path, repo_id="me/model")
    else:
        api.upload_file(path_or_fileobj=path, path_in_repo=path.name, repo_id="me/model")
"""


@dataclass
class Captured:
    """Bodies in the order in which they came; those of xorbs by the hash in the path."""

    xorbs: dict[str, bytes] = field(default_factory=dict)
    shards: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    commits: list[list[dict[str, Any]]] = field(default_factory=list)


class _Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    captured: Captured

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def _origin(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self.captured.paths.append(f"GET {self.path}")
        if "/xet-write-token/" in self.path:
            self._answer(200, {"casUrl": f"{self._origin}/cas", "accessToken": "t", "exp": 4_000_000_000})
        elif self.path == "/api/agent-harnesses":
            self._answer(200, {"standardEnvVars": [], "harnesses": {}})
        else:
            self._answer(404, {"error": "not here"})

    def do_POST(self) -> None:
        self.captured.paths.append(f"POST {self.path}")
        body = self._body()
        if self.path.startswith("/cas/v1/xorbs/default/"):
            self.captured.xorbs[self.path.rpartition("/")[2]] = body
            self._answer(200, {"was_inserted": True})
        elif self.path == "/cas/v1/shards":
            self.captured.shards.append(body)
            self._answer(200, {"result": 1})
        elif "/preupload/" in self.path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": path, "uploadMode": "lfs", "shouldIgnore": False, "oid": None} for path in files]
            self._answer(200, {"files": modes})
        elif "/commit/" in self.path:
            self.captured.commits.append([json.loads(line) for line in body.splitlines()])
            commit = "0" * 40
            self._answer(200, {"commitUrl": f"{self._origin}/me/model/commit/{commit}", "commitOid": commit})
        else:
            self._answer(404, {"error": "not here"})


@contextmanager
def stub() -> Iterator[tuple[str, Captured]]:
    """The endpoint of a Hub that takes every upload, and what it took."""
    captured = Captured()
    handler = type("Stub", (_Stub,), {"captured": captured})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", captured
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def upload(endpoint: str, home: Path, *paths: Path) -> None:
    """Upload files and folders, at least a commit each, by hf_xet; `home` keeps the client's caches."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))},
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_XET_CACHE": str(home / "xet"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", CLIENT, *map(str, paths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
