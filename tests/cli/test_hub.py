"""``adapterhub hub user|org|token|audit`` on the database of a server that does not run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.index import Database
from registry.index.tokens import Tokens
from tests.cli.conftest import Outcome, Run

Hub = Callable[..., Outcome]


@pytest.fixture
def hub(adapterhub: Run, tmp_path: Path) -> Hub:
    def run(*arguments: str) -> Outcome:
        return adapterhub("hub", *arguments, "--data", tmp_path / "hub")

    assert run("migrate").code == 0
    assert run("user", "add", "ann", "--fullname", "Ann A.", "--admin").code == 0
    return run


def document(outcome: Outcome) -> Any:
    assert outcome.code == 0, outcome.err
    return outcome.document


def holder(tmp_path: Path, token: str) -> Any:
    database = Database.at(f"sqlite:///{tmp_path}/hub/index.sqlite")
    try:
        return Tokens(database).holder(token)
    finally:
        database.close()


def test_users_come_go_and_come_back(hub: Hub) -> None:
    added = document(hub("user", "add", "bob", "--email", "bob@example.org", "--json"))
    assert (added["name"], added["admin"], added["disabled"]) == ("bob", False, None)
    assert document(hub("user", "disable", "bob", "--json"))["disabled"]
    assert [one["name"] for one in document(hub("user", "list", "--json"))["users"]] == ["ann", "bob"]
    assert "disabled" in hub("user", "list").err
    assert document(hub("user", "enable", "BOB", "--json"))["disabled"] is None


def test_organisations_have_members(hub: Hub) -> None:
    hub("user", "add", "bob")
    document(hub("org", "add", "acme", "--owner", "ann", "--json"))
    assert document(hub("org", "member", "acme", "bob", "read", "--json"))["previous"] is None
    assert document(hub("org", "member", "acme", "bob", "write", "--json"))["previous"] == "read"
    members = document(hub("org", "members", "acme", "--json"))["members"]
    assert members == [{"user": "ann", "role": "admin"}, {"user": "bob", "role": "write"}]
    assert hub("org", "remove", "acme", "ann").code == 0
    assert len(document(hub("org", "members", "acme", "--json"))["members"]) == 1
    assert [one["name"] for one in document(hub("org", "list", "--json"))["organisations"]] == ["acme"]
    assert hub("org", "member", "acme", "bob", "king").code == 2


def test_a_token_is_printed_once_and_works_until_it_is_revoked(hub: Hub, tmp_path: Path) -> None:
    made = hub("token", "create", "ann", "laptop", "--right", "write", "--namespace", "Ann", "--expires", "30d")
    text = made.out.strip()
    assert text.startswith("ahub_")
    assert text not in made.err
    assert (holder(tmp_path, text).user, holder(tmp_path, text).namespace) == ("ann", "ann")
    listed = hub("token", "list", "ann", "--json")
    [token] = document(listed)["tokens"]
    assert (token["name"], token["right"], token["namespace"]) == ("laptop", "write", "ann")
    end = datetime.fromisoformat(token["expires"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < end <= timedelta(days=30)
    assert text not in listed.out + hub("token", "list").err + hub("audit", "--json").out
    assert hub("token", "revoke", "ann", str(token["id"])).code == 0
    assert holder(tmp_path, text) is None
    again = hub("token", "revoke", "ann", "laptop", "--json")
    assert (again.code, again.document["error"]["code"]) == (1, "account-not-found")


@pytest.mark.parametrize("value", ["soon", "30", "-3d", "30w", "2026-13-01", "9999999d"])
def test_what_is_no_moment_is_wrong_usage(hub: Hub, value: str) -> None:
    refused = hub("token", "create", "ann", "laptop", f"--expires={value}")
    assert refused.code == 2
    assert "2026-12-31" in refused.err


def test_the_log_says_who_did_what(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "oscar")
    hub("org", "add", "acme", "--owner", "ann")
    entries = document(hub("audit", "--json"))["entries"]
    assert [(one["action"], one["subject"]) for one in entries] == [
        ("organisation-create", "acme"),
        ("user-create", "ann"),
    ]
    assert entries[0]["actor"] == "os:oscar"
    assert document(hub("audit", "--since", "2099-01-01", "--json"))["entries"] == []
    assert len(document(hub("audit", "--since", "1h", "--limit", "1", "--json"))["entries"]) == 1
    assert document(hub("audit", "--repository", "acme/none", "--json"))["entries"] == []


def test_where_no_server_was_there_is_nothing_to_look_after(adapterhub: Run, tmp_path: Path) -> None:
    refused = adapterhub("hub", "user", "list", "--data", tmp_path / "none")
    assert refused.code == 1
    assert "hub serve" in refused.err
    assert not (tmp_path / "none").exists()
