"""A Hub with something to steal: people, a public, a gated and a private repository; and what proves it unharmed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select, update

from registry.index.tables import AuditRow, Table, TokenRow, UploadRow
from registry.server.app import create_app
from registry.server.services import Services
from registry.server.settings import Settings

SECRET = b"the secret of acme\n"
TOUCHED = {(UploadRow.__tablename__, "created")}  # when bytes were last sent, which keeps them from being collected
NEVER_LOOKED_AT = {AuditRow.__tablename__}  # refusals are noted there


@dataclass(frozen=True)
class Route:
    """An endpoint: one method of one path template, and the parameters that its query may have."""

    method: str
    path: str
    query: tuple[str, ...] = ()


class World:
    """Users: root (administrator of the server), ann (writes acme), rita (reads acme), eve (no member of anything).

    Repositories of acme: public, gated (manual), private (once called former); each with a file, a tag, a branch and
    a pull request of ann's, and of kind model and data set.
    """

    NAMES = ("public", "gated", "private")

    def __init__(self, data: Path, database: str = "", **settings: Any) -> None:
        where = Settings(data, database, limit_failures="", **settings)
        data.mkdir(parents=True, exist_ok=True)
        where.open_database().migrate()
        self.data = data
        self.app = create_app(where)
        self.client = TestClient(self.app, raise_server_exceptions=False, follow_redirects=False)
        self.hub: Services = self.app.state.services
        self.tokens: dict[str, str] = {}
        self._people()
        for kind in ("model", "dataset"):
            for name in self.NAMES:
                self._repository(kind, name)

    def send(self, who: str, method: str, path: str, **arguments: Any) -> Response:
        """A request with a token of those in `tokens`; "" is nobody."""
        headers = dict(arguments.pop("headers", {}))
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        response: Response = self.client.request(method, path, headers=headers, **arguments)
        return response

    def routes(self) -> list[Route]:
        """All endpoints that the application has, those of the OpenAPI document and its pages left out."""
        found = []
        for route in self.app.routes:
            included = getattr(route, "original_router", None)
            for one in [route] if included is None else included.routes:
                path = getattr(one, "path", "")
                if path and not path.startswith(("/docs", "/redoc", "/openapi.json")):
                    query = tuple(known.alias for known in one.dependant.query_params)
                    found += [Route(method, path, query) for method in sorted(one.methods or ())]
        return found

    def state(self) -> dict[str, str]:
        """A digest of each table but the audit log's, and of what the store holds, staged and scratch too."""
        digests: dict[str, str] = {}
        with self.hub.database.read() as session:
            for table in Table.metadata.sorted_tables:
                if table.name not in NEVER_LOOKED_AT:
                    kept = [column for column in table.columns if (table.name, column.name) not in TOUCHED]
                    lines = sorted(repr(tuple(row)) for row in session.execute(select(*kept)))
                    digests[table.name] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        stored = sorted(
            str(path.relative_to(self.data))
            for path in self.data.rglob("*")
            if path.is_file() and not path.name.startswith("index.sqlite")
        )
        return digests | {"store": "\n".join(stored)}

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Whatever is done inside stores nothing."""
        before = self.state()
        yield
        after = self.state()
        changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
        assert not changed, changed

    def commit(self, who: str, repository: str, *lines: Mapping[str, Any], **options: Any) -> Response:
        """A commit of these lines behind a header."""
        header = {"key": "header", "value": {"summary": "change"} | options.pop("header", {})}
        body = "\n".join(json.dumps(line) for line in (header, *lines))
        kind, revision = options.pop("kind", "models"), options.pop("revision", "main")
        path = f"/api/{kind}/{repository}/commit/{revision}{options.pop('query', '')}"
        return self.send(who, "POST", path, content=body, **options)

    def ticket(self, who: str, repository: str, data: bytes, *, size: int | None = None) -> dict[str, Any]:
        """What an LFS batch answers for these bytes."""
        wanted = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data) if size is None else size}
        body = {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [wanted]}
        answer = self.send(who, "POST", f"/{repository}.git/info/lfs/objects/batch", json=body)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["objects"]
        return dict(found)

    def _people(self) -> None:
        accounts, members = self.hub.accounts, self.hub.members
        accounts.create("root", "user", "", admin=True)
        for name in ("ann", "rita", "eve", "gone"):
            accounts.create(name, "user", "root")
        for name in ("acme", "other"):
            accounts.create(name, "organisation", "root", owner="ann")
        members.set("acme", "rita", "read", "ann")
        members.set("acme", "gone", "admin", "ann")
        issue, soon = self.hub.tokens.issue, datetime.now(UTC) + timedelta(hours=1)
        self.tokens = {name: issue(name, "all", "admin", "root") for name in ("root", "ann", "rita", "eve")}
        self.tokens["reader"] = issue("eve", "reads", "read", "root")
        self.tokens["elsewhere"] = issue("ann", "other", "admin", "root", namespace="other")
        self.tokens["expired"] = issue("ann", "old", "admin", "root", expires=soon)
        self.tokens["revoked"] = issue("ann", "lost", "admin", "root")
        self.tokens["disabled"] = issue("gone", "all", "admin", "root")
        self.tokens["forged"] = "ahub_" + "A" * 43
        self.hub.tokens.revoke("ann", "lost", "root")
        self.hub.accounts.enable("gone", "root", enabled=False)
        with self.hub.database.write() as session:
            over = update(TokenRow).where(TokenRow.name == "old")
            session.execute(over.values(expires=datetime.now(UTC) - timedelta(seconds=1)))

    def _repository(self, kind: str, name: str) -> None:
        private, gated, repository = (
            name == "private",
            name == "gated",
            f"acme/{'former' if name == 'private' else name}",
        )
        create = {"name": repository, "type": kind, "private": private}
        self._done(self.send("ann", "POST", "/api/repos/create", json=create))
        data = SECRET + f"{kind} {name}".encode()
        self._done(self.commit("ann", repository, put("secret.txt", data), put("README.md", b"# x\n"), kind=f"{kind}s"))
        self._done(self.send("ann", "POST", f"/api/{kind}s/{repository}/tag/main", json={"tag": "v1"}))
        self._done(self.send("ann", "POST", f"/api/{kind}s/{repository}/branch/dev", json={}))
        self._done(
            self.send("ann", "POST", f"/api/{kind}s/{repository}/discussions", json={"title": "t", "pullRequest": True})
        )
        change = put("secret.txt", data + b"changed")
        self._done(self.commit("ann", repository, change, kind=f"{kind}s", revision="refs%2Fpr%2F1"))
        if private:
            move = {"fromRepo": repository, "toRepo": "acme/private", "type": kind}
            self._done(self.send("ann", "POST", "/api/repos/move", json=move))
        if gated:
            self._done(self.send("ann", "PUT", f"/api/{kind}s/{repository}/settings", json={"gated": "manual"}))

    @staticmethod
    def _done(response: Response) -> None:
        assert response.status_code == 200, response.text


def put(path: str, data: bytes) -> dict[str, Any]:
    """The line of a commit that adds a file."""
    content = base64.b64encode(data).decode()
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def lfs(path: str, data: bytes) -> dict[str, Any]:
    """The line of a commit that names a large file."""
    oid = hashlib.sha256(data).hexdigest()
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": len(data)}}


def compared(response: Response, name: str) -> tuple[int, dict[str, str], str]:
    """What an answer tells, but for the name that was asked for and what no two answers share."""
    changing = {"x-request-id", "date"}
    headers = {key: value.replace(name, "NAME") for key, value in response.headers.items() if key not in changing}
    headers.pop("content-length", None)
    return response.status_code, headers, re.sub(re.escape(name), "NAME", response.text)
