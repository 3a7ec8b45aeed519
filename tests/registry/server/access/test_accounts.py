"""Users, organisations and members: what is refused, what counts, what is told of them, and what the log keeps."""

from __future__ import annotations

import pytest

from registry.errors import AccountNotFound, Conflict, InvalidReference
from registry.index.accounts import ORGANISATION, RESERVED, USER
from registry.server.services import Services
from tests.registry.server.people import People

MALFORMED = ["", "a b", "-a", "a--b", "a/b", "a.git", "x" * 97, "é", "a\0"]


@pytest.mark.parametrize("name", [*MALFORMED, "_lfs", "API", *sorted(RESERVED)[:5]])
def test_names_that_no_account_can_have(hub: Services, name: str) -> None:
    with pytest.raises(InvalidReference):
        hub.accounts.create(name, USER, "")
    assert hub.accounts.list() == []


def test_names_differ_in_more_than_case_and_are_shared_by_users_and_organisations(people: People) -> None:
    for name in ("BOB", "acme"):
        for kind in (USER, ORGANISATION):
            with pytest.raises(Conflict, match="already"):
                people.hub.accounts.create(name, kind, "alice")


def test_who_makes_an_organisation_is_its_admin(people: People) -> None:
    people.hub.accounts.create("daves", ORGANISATION, "dave")
    assert [(one.account.name, one.role) for one in people.hub.members.of("daves")] == [("dave", "admin")]
    assert people.client("dave", "admin").post("/api/repos/create", json={"name": "daves/x"}).status_code == 200


def test_an_owner_who_is_not_there_leaves_no_organisation_behind(people: People) -> None:
    with pytest.raises(AccountNotFound, match="no user nobody"):
        people.hub.accounts.create("new-org", ORGANISATION, "alice", owner="nobody")
    assert [one.name for one in people.hub.accounts.list(ORGANISATION)] == ["Acme"]


def test_roles_decide_and_change_at_once(people: People) -> None:
    carol = people.client("carol", "admin")

    def create(name: str) -> int:
        return carol.post("/api/repos/create", json={"name": name}).status_code

    assert create("acme/one") == 403
    assert people.hub.members.set("acme", "carol", "write", "bob") == "read"
    assert create("acme/one") == 200
    people.hub.members.remove("acme", "carol", "bob")
    assert create("acme/two") == 403
    with pytest.raises(AccountNotFound, match="no member"):
        people.hub.members.remove("acme", "carol", "bob")
    with pytest.raises(InvalidReference, match="owner"):
        people.hub.members.set("acme", "carol", "owner", "bob")


def test_only_users_are_members_and_only_of_organisations(people: People) -> None:
    with pytest.raises(AccountNotFound):
        people.hub.members.set("bob", "carol", "read", "bob")
    with pytest.raises(AccountNotFound):
        people.hub.members.set("acme", "acme", "read", "bob")


def test_a_disabled_user_is_refused_until_enabled(people: People) -> None:
    bob = people.client("bob")
    assert bob.get("/api/whoami-v2").status_code == 200
    people.hub.accounts.enable("BOB", "alice", enabled=False)
    assert bob.get("/api/whoami-v2").status_code == 401
    assert people.client().get("/api/users/bob/overview").status_code == 404
    people.hub.accounts.enable("bob", "alice", enabled=True)
    assert bob.get("/api/whoami-v2").status_code == 200


def test_roles_in_a_disabled_organisation_are_worth_nothing(people: People) -> None:
    people.repository("acme/secret", private=True)
    carol = people.client("carol")
    assert carol.get("/api/models/acme/secret").status_code == 200
    people.hub.accounts.enable("acme", "alice", enabled=False)
    assert carol.get("/api/models/acme/secret").status_code == 404
    assert carol.get("/api/whoami-v2").json()["orgs"] == []


def test_every_change_is_in_the_log_with_its_author(people: People) -> None:
    people.hub.members.remove("acme", "carol", "bob")
    people.hub.accounts.enable("dave", "alice", enabled=False)
    log = [(one.actor, one.action, one.subject, one.detail) for one in people.hub.log.entries()]
    assert log[:5] == [
        ("alice", "user-disable", "dave", ""),
        ("bob", "member-remove", "Acme", "carol"),
        ("bob", "member", "Acme", "carol: none → read"),
        ("alice", "organisation-create", "Acme", "with bob as admin"),
        ("alice", "user-create", "dave", ""),
    ]


def test_overviews_count_what_the_caller_sees_and_tell_no_mail(people: People) -> None:
    people.repository("acme/open")
    people.repository("acme/secret", private=True)
    for client, seen in ((people.client(), 1), (people.client("carol"), 2), (people.client("dave"), 1)):
        found = client.get("/api/organizations/ACME/overview")
        assert (found.json()["name"], found.json()["fullname"]) == ("Acme", "Acme Ltd")
        assert (found.json()["numModels"], found.json()["numUsers"]) == (seen, 2)
        assert "example.org" not in found.text
    user = people.client().get("/api/users/carol/overview")
    assert (user.json()["user"], user.json()["fullname"]) == ("carol", "Carol")
    assert [one["name"] for one in user.json()["orgs"]] == ["Acme"]
    members = people.client().get("/api/organizations/acme/members")
    assert [(one["user"], one["role"]) for one in members.json()] == [("bob", "admin"), ("carol", "read")]
    assert "example.org" not in user.text + members.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/users/nobody/overview",
        "/api/users/acme/overview",
        "/api/organizations/bob/overview",
        "/api/organizations/bob/members",
        "/api/users/a%00b/overview",
        "/api/users/..%2F..%2Fetc/overview",
    ],
)
def test_accounts_that_are_not_there(people: People, path: str) -> None:
    found = people.client().get(path)
    assert (found.status_code, found.json()["code"]) == (404, "account-not-found")
    assert "x-error-code" not in found.headers  # the Hub's codes would be read as about a repository


def test_the_first_administrator_is_made_once(hub: Services) -> None:
    assert [hub.accounts.first_admin("admin"), hub.accounts.first_admin("other")] == [True, False]
    assert [(one.name, one.admin) for one in hub.accounts.list()] == [("admin", True)]
