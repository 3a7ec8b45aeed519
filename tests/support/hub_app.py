"""The Hub server inside a test's own process: requests by Starlette's TestClient, for users that are made on demand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from registry.server.app import create_app
from registry.server.services import Services
from registry.server.settings import Settings

DELETED = None  # instead of a file's bytes


class HubApp:
    """An application on a database of its own, with the repository ``alice/m`` unless told otherwise."""

    def __init__(self, data: Path, database: str = "") -> None:
        settings = Settings(data, database)
        data.mkdir(parents=True, exist_ok=True)
        settings.open_database().migrate()
        self.app = create_app(settings)
        self.hub: Services = self.app.state.services
        self._tokens: dict[tuple[str, str], str] = {}

    def token(self, user: str, right: str = "write") -> str:
        """A token of a user, who is made if need be."""
        if (user, right) not in self._tokens:
            if not any(name == user for name, _ in self._tokens):
                self.hub.accounts.create(user, "user", "")
            self._tokens[user, right] = self.hub.tokens.issue(user, right, right, "")
        return self._tokens[user, right]

    def send(self, user: str, method: str, path: str, right: str = "write", **arguments: Any) -> Response:
        """A request by a user; "" is nobody."""
        client = TestClient(self.app, raise_server_exceptions=False)
        headers = arguments.pop("headers", {})
        headers |= {"Authorization": f"Bearer {self.token(user, right)}"} if user else {}
        response: Response = client.request(method, path, headers=headers, **arguments)
        return response

    def get(self, user: str, path: str) -> Any:
        """The JSON of what is expected to be there."""
        response = self.send(user, "GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, user: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of an answer of that status."""
        response = self.send(user, "POST", path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    def create(self, name: str = "alice/m", *, private: bool = False) -> None:
        """A repository, by its owner."""
        body = {"name": name, "visibility": "private" if private else "public"}
        self.post(name.partition("/")[0], "/api/repos/create", body)

    def commit(
        self, user: str, files: dict[str, bytes | None], status: int = 200, to: str = "main", **options: Any
    ) -> Any:
        """A commit to ``alice/m``; `options`: message, description, parent, create_pr, repository."""
        repository, create_pr = options.get("repository", "alice/m"), "?create_pr=1" if options.get("create_pr") else ""
        header = {"summary": options.get("message", "change"), "description": options.get("description", "")}
        if options.get("parent"):
            header["parentCommit"] = options["parent"]
        lines: list[dict[str, Any]] = [{"key": "header", "value": header}]
        for path, data in files.items():
            if data is DELETED:
                lines.append({"key": "deletedFile", "value": {"path": path}})
            else:
                content = {"content": base64.b64encode(data).decode(), "path": path, "encoding": "base64"}
                lines.append({"key": "file", "value": content})
        path = f"/api/models/{repository}/commit/{to.replace('/', '%2F')}{create_pr}"
        response = self.send(user, "POST", path, content="\n".join(map(json.dumps, lines)))
        assert response.status_code == status, response.text
        return response.json()

    def files(self, revision: str = "main", repository: str = "alice/m") -> dict[str, bytes]:
        """All files of a revision, as bytes."""
        owner = repository.partition("/")[0]
        listed = self.get(owner, f"/api/models/{repository}/tree/{revision.replace('/', '%2F')}?recursive=true")
        names = [one["path"] for one in listed if one["type"] == "file" and one["path"] != ".gitattributes"]
        where = f"/{repository}/resolve/{revision.replace('/', '%2F')}"
        return {name: self.send(owner, "GET", f"{where}/{name}").content for name in names}
