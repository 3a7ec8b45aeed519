"""What a client of the wire does, in a request each, so that a test sees every status."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.support.hub import HubServer


class Wire:
    """Requests of the administrator about one repository, ``admin/<name>``."""

    def __init__(self, client: httpx2.Client, name: str) -> None:
        self.client, self.name = client, name

    def create(self) -> httpx2.Response:
        return self.client.post("/api/repos/create", json={"name": self.name})

    def info(self) -> httpx2.Response:
        return self.client.get(f"/api/models/admin/{self.name}")

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(f"/admin/{self.name}/resolve/main/{path}")

    def commit(self, *lines: dict[str, object], parent: str = "") -> httpx2.Response:
        header = {"key": "header", "value": {"summary": "it", **({"parentCommit": parent} if parent else {})}}
        text = "\n".join(map(json.dumps, [header, *lines])).encode()
        return self.client.post(f"/api/models/admin/{self.name}/commit/main", content=text)

    def write(self, path: str, text: str, parent: str = "") -> httpx2.Response:
        """A small file, in the commit itself."""
        value = {"path": path, "content": text, "encoding": "utf-8"}
        return self.commit({"key": "file", "value": value}, parent=parent)

    def upload(self, path: str, data: bytes) -> httpx2.Response:
        """A large file by LFS, then its commit; the first answer that is no success, or that of the commit."""
        sha256 = hashlib.sha256(data).hexdigest()
        asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256, "size": len(data)}]}
        answer = self.client.post(f"/admin/{self.name}.git/info/lfs/objects/batch", json=asked)
        if not answer.is_success:
            return answer
        actions = answer.json()["objects"][0].get("actions")
        if actions:
            answer = httpx2.put(actions["upload"]["href"], content=data, timeout=60)
            if not answer.is_success:
                return answer
        return self.commit(
            {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": sha256, "size": len(data)}}
        )


@contextmanager
def wire(server: HubServer, name: str) -> Iterator[Wire]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield Wire(client, name)
