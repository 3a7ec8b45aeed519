"""Tokens: kept as hashes, refused when they are over, worth no more than their right, namespace and role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from registry.errors import AccountNotFound, Conflict, InvalidReference
from tests.registry.server.people import People

INVALID = "Invalid credentials in Authorization header"


def whoami(people: People, token: str, scheme: str = "Bearer") -> int:
    client = TestClient(people.app)
    found = client.get("/api/whoami-v2", headers={"Authorization": f"{scheme} {token}"})
    if found.status_code == 401:
        assert found.headers["x-error-message"] == INVALID
    return found.status_code


def test_no_token_is_kept_as_it_is(people: People) -> None:
    text = people.hub.tokens.issue("bob", "laptop", "write", "bob")
    with people.hub.database.read() as session:
        everything = "\n".join(session.connection().connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert "laptop" in everything
    assert text not in everything
    assert text.removeprefix("ahub_") not in everything
    assert text not in str(people.hub.tokens.list("bob"))


def test_an_expired_token_is_refused_from_that_moment_on(people: People) -> None:
    end = datetime.now(UTC) + timedelta(seconds=1)
    text = people.hub.tokens.issue("bob", "short", "read", "bob", expires=end)
    assert whoami(people, text) == 200
    time.sleep(1.05)
    assert whoami(people, text) == 401
    people.hub.tokens.issue("bob", "short", "read", "bob")  # its name is free again


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_revoked_token_is_refused(people: People, by: str) -> None:
    text = people.hub.tokens.issue("bob", "laptop", "write", "bob")
    assert whoami(people, text) == 200
    people.hub.tokens.revoke("BOB", str(getattr(people.hub.tokens.list("bob")[0], by)), "alice")
    assert whoami(people, text) == 401
    with pytest.raises(AccountNotFound, match="no token"):
        people.hub.tokens.revoke("bob", "laptop", "alice")
    assert [(one.actor, one.action) for one in people.hub.log.entries(limit=1)] == [("alice", "token-revoke")]


def test_nobody_revokes_the_token_of_another(people: People) -> None:
    text = people.hub.tokens.issue("bob", "laptop", "write", "bob")
    for named in (str(people.hub.tokens.list("bob")[0].id), "laptop", "9" * 40):
        with pytest.raises(AccountNotFound):
            people.hub.tokens.revoke("carol", named, "carol")
    assert whoami(people, text) == 200


def test_what_cannot_be_issued(people: People) -> None:
    issue = people.hub.tokens.issue
    issue("bob", "one", "read", "bob")
    with pytest.raises(Conflict, match="already"):
        issue("bob", "one", "write", "bob")
    for name in ("", " ", "12", "a\nb", "x" * 97):
        with pytest.raises(InvalidReference):
            issue("bob", name, "read", "bob")
    with pytest.raises(InvalidReference, match="root"):
        issue("bob", "two", "root", "bob")
    with pytest.raises(InvalidReference, match="ended"):
        issue("bob", "two", "read", "bob", expires=datetime(2020, 1, 1, tzinfo=UTC))
    for user, namespace in (("nobody", None), ("acme", None), ("bob", "nowhere")):
        with pytest.raises(AccountNotFound):
            issue(user, "two", "read", "bob", namespace=namespace)
    assert len(people.hub.tokens.list("bob")) == 1


@pytest.mark.parametrize("value", ["", "ahub_", "ahub_x", "x" * 8000, "%00", "a b c"])
def test_what_is_no_token_is_refused(people: People, value: str) -> None:
    assert whoami(people, value) == 401


def test_only_bearers_are_understood(people: People) -> None:
    text = people.hub.tokens.issue("bob", "laptop", "write", "bob")
    assert [whoami(people, text, scheme) for scheme in ("bearer", "BEARER", "Basic", "Token", "")] == [
        200,
        200,
        *[401] * 3,
    ]


@pytest.mark.parametrize(("right", "made"), [("read", 403), ("write", 200), ("admin", 200)])
def test_a_token_is_worth_its_right_at_most(people: People, right: str, made: int) -> None:
    bob = people.client("bob", right)
    assert bob.post("/api/repos/create", json={"name": "bob/x"}).status_code == made
    deleted = bob.request("DELETE", "/api/repos/delete", json={"name": "bob/x"}).status_code
    assert deleted == {"read": 404, "write": 403, "admin": 200}[right]


def test_a_token_for_one_namespace(people: People) -> None:
    for name, private in (("acme/open", False), ("acme/secret", True), ("bob/open", False), ("bob/secret", True)):
        people.repository(name, private=private)
    scoped = people.client("bob", "write", namespace="ACME")
    names = ("acme/open", "acme/secret", "bob/open", "bob/secret")
    assert [scoped.get(f"/api/models/{name}").status_code for name in names] == [200, 200, 200, 404]
    files = [scoped.get(f"/{name}/resolve/main/.gitattributes").status_code for name in names]
    assert files == [200, 200, 200, 404]
    assert scoped.post("/api/repos/create", json={"name": "acme/new"}).status_code == 200
    assert scoped.post("/api/repos/create", json={"name": "bob/new"}).status_code == 403
    assert scoped.get("/api/models/bob/open/auth-check/write").status_code == 403
    administrator = people.client("alice", "admin", namespace="alice")
    assert administrator.get("/api/models/acme/secret").status_code == 404


def test_whoami_says_all_that_the_token_is(people: People) -> None:
    said = people.client("carol", "read").get("/api/whoami-v2").json()
    assert (said["type"], said["name"], said["fullname"], said["email"]) == (
        "user",
        "carol",
        "Carol",
        "carol@example.org",
    )
    assert [(one["name"], one["fullname"], one["roleInOrg"]) for one in said["orgs"]] == [("Acme", "Acme Ltd", "read")]
    token = said["auth"]["accessToken"]
    assert (said["auth"]["type"], token["role"], token["createdAt"][-1]) == ("access_token", "read", "Z")
    admin = people.client("alice", "admin").get("/api/whoami-v2").json()["auth"]["accessToken"]
    assert (admin["role"], admin["right"]) == ("write", "admin")
    scoped = people.client("bob", "write", namespace="acme").get("/api/whoami-v2").json()["auth"]["accessToken"]
    assert (scoped["role"], scoped["namespace"]) == ("fineGrained", "acme")
    assert people.client().get("/api/whoami-v2").status_code == 401


def test_a_token_costs_one_query(people: People) -> None:
    for name in ("one", "two", "three"):
        people.hub.accounts.create(name, "organisation", "bob")
    text = people.hub.tokens.issue("bob", "laptop", "write", "bob")
    with counted(people) as statements:
        holder = people.hub.tokens.holder(text)
    assert holder
    assert dict(holder.roles) == {"acme": "admin", "one": "admin", "two": "admin", "three": "admin", "bob": "admin"}
    assert len(statements) == 1
    client = TestClient(people.app, headers={"Authorization": f"Bearer {text}"})
    with counted(people) as statements:
        assert client.get("/api/whoami-v2").status_code == 200
    assert len(statements) == 1


@contextmanager
def counted(people: People) -> Iterator[list[str]]:
    """The queries that are made meanwhile."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append(statement)

    event.listen(people.hub.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(people.hub.database.engine, "before_cursor_execute", note)
