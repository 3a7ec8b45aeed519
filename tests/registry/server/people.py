"""Some people, an organisation, and clients that hold a token of one of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from registry.index.accounts import ORGANISATION, USER
from registry.server.services import Services


class People:
    """alice (administrator of the server), bob (admin of acme), carol (reads acme), dave (no member of anything)."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.hub: Services = app.state.services
        accounts, members = self.hub.accounts, self.hub.members
        accounts.create("alice", USER, "", admin=True)
        for name in ("bob", "carol", "dave"):
            accounts.create(name, USER, "alice", fullname=name.title(), email=f"{name}@example.org")
        accounts.create("Acme", ORGANISATION, "alice", fullname="Acme Ltd", owner="bob")
        members.set("acme", "carol", "read", "bob")

    def client(self, user: str = "", right: str = "write", **options: Any) -> TestClient:
        """A client with a new token of that user; an anonymous one without."""
        client = TestClient(self.app, raise_server_exceptions=False)
        if user:
            name = f"token {len(self.hub.tokens.list())}"
            client.headers["Authorization"] = f"Bearer {self.hub.tokens.issue(user, name, right, user, **options)}"
        return client

    def repository(self, name: str, *, private: bool = False, gated: str = "") -> str:
        """A repository of bob's making, with its first commit."""
        bob = self.client("bob", "admin")
        made = bob.post("/api/repos/create", json={"name": name, "private": private})
        assert made.status_code == 200, made.text
        if gated:
            assert bob.put(f"/api/models/{name}/settings", json={"gated": gated}).status_code == 200
        return name
