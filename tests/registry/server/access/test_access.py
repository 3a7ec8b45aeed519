"""Gated repositories: seen by all who may see them, read by those let in; and how one is let in."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from registry.errors import RegistryError
from tests.registry.server.people import People

FILE = ".gitattributes"


@pytest.fixture
def gated(people: People) -> str:
    return people.repository("acme/gated", gated="manual")


def read(client: TestClient, name: str) -> int:
    """The status of a download, which every way to the files agrees on."""
    answers = [
        client.get(f"/{name}/resolve/main/{FILE}"),
        client.head(f"/{name}/resolve/main/{FILE}"),
        client.get(f"/api/models/{name}/auth-check"),
    ]
    statuses = {answer.status_code for answer in answers}
    assert len(statuses) == 1, statuses
    if statuses != {200}:
        assert {answer.headers.get("x-error-code") for answer in answers} == {"GatedRepo"}
        assert "filter=lfs" not in answers[0].text
    return statuses.pop()


def ask(client: TestClient, name: str) -> tuple[int, str | None]:
    answer = client.post(f"/{name}/ask-access")
    return answer.status_code, answer.json().get("status")


def listed(client: TestClient, name: str, status: str) -> list[str]:
    return [one["user"]["user"] for one in client.get(f"/api/models/{name}/user-access-request/{status}").json()]


def test_information_is_for_all_and_files_are_for_some(people: People, gated: str) -> None:
    expected = {"": 401, "dave": 403, "carol": 200, "bob": 200, "alice": 200}
    for user, status in expected.items():
        client = people.client(user)
        info = client.get(f"/api/models/{gated}")
        assert (info.status_code, info.json()["gated"]) == (200, "manual")
        assert client.get(f"/api/models/{gated}/tree/main").status_code == 200
        assert read(client, gated) == status, user


def test_the_refusal_is_in_the_hubs_own_words(people: People, gated: str) -> None:
    for user in ("", "dave"):
        refused = people.client(user).get(f"/{gated}/resolve/main/{FILE}")
        assert refused.headers["x-error-message"] == (
            "Access to model acme/gated is restricted and you are not in the authorized list. "
            "Visit http://testserver/acme/gated to ask for access."
        )
        assert refused.json()["error"] == refused.headers["x-error-message"]


def test_a_private_gated_repository_is_not_there_for_others(people: People) -> None:
    name = people.repository("acme/both", private=True, gated="auto")
    dave = people.client("dave")
    refused = dave.get(f"/{name}/resolve/main/{FILE}")
    assert (refused.status_code, refused.headers["x-error-code"]) == (404, "RepoNotFound")
    assert ask(dave, name)[0] == 404
    assert read(people.client("carol"), name) == 200


def test_a_manual_gate_opens_when_an_owner_accepts(people: People, gated: str) -> None:
    dave, bob = people.client("dave", "read"), people.client("bob")
    assert ask(dave, gated) == (200, "pending")
    assert ask(dave, gated) == (200, "pending")
    assert read(dave, gated) == 403
    assert listed(bob, gated, "pending") == ["dave"]
    path = f"/api/models/{gated}/user-access-request/handle"
    assert bob.post(path, json={"user": "Dave", "status": "accepted"}).status_code == 200
    assert read(dave, gated) == 200
    assert [listed(bob, gated, status) for status in ("pending", "accepted", "rejected")] == [[], ["dave"], []]
    assert bob.post(path, json={"user": "dave", "status": "accepted"}).status_code == 404  # it stands so already
    assert bob.post(path, json={"user": "dave", "status": "pending"}).status_code == 200  # cancelled
    assert read(dave, gated) == 403
    identity = bob.get(f"/api/models/{gated}/user-access-request/pending").json()[0]["requestId"]
    rejection = {"requestId": identity, "status": "rejected", "rejectionReason": "no licence"}
    assert bob.post(path, json=rejection).status_code == 200
    assert ask(dave, gated) == (200, "rejected")
    assert read(dave, gated) == 403
    log = [(one.actor, one.action, one.subject, one.detail) for one in people.hub.log.entries(gated, limit=4)]
    assert log == [
        ("bob", "access-rejected", "dave", "no licence"),
        ("bob", "access-pending", "dave", ""),
        ("bob", "access-accepted", "dave", ""),
        ("dave", "access-pending", "dave", ""),
    ]


def test_an_automatic_gate_opens_at_once_but_not_for_who_was_rejected(people: People) -> None:
    name = people.repository("acme/auto", gated="auto")
    dave, bob = people.client("dave"), people.client("bob")
    assert read(dave, name) == 403
    assert ask(dave, name) == (200, "accepted")
    assert read(dave, name) == 200
    bob.post(f"/api/models/{name}/user-access-request/handle", json={"user": "dave", "status": "rejected"})
    assert ask(dave, name) == (200, "rejected")
    assert read(dave, name) == 403


def test_an_owner_lets_in_who_did_not_ask(people: People, gated: str) -> None:
    path, bob = f"/api/models/{gated}/user-access-request/grant", people.client("bob")
    assert bob.post(path, json={"user": "dave"}).status_code == 200
    assert read(people.client("dave"), gated) == 200
    assert bob.post(path, json={"user": "dave"}).status_code == 400  # as the Hub answers
    assert bob.post(path, json={"user": "nobody"}).status_code == 404
    open_one = people.repository("acme/open")
    assert bob.post(path.replace(gated, open_one), json={"user": "dave"}).status_code == 400
    assert ask(people.client("dave"), open_one) == (400, None)


def test_only_writers_see_and_handle_requests(people: People, gated: str) -> None:
    ask(people.client("dave"), gated)
    base = f"/api/models/{gated}/user-access-request"
    for user, right, status in (("", "", 401), ("dave", "write", 403), ("carol", "write", 403), ("bob", "read", 403)):
        client = people.client(user, right)
        assert client.get(f"{base}/pending").status_code == status
        assert client.post(f"{base}/grant", json={"user": "dave"}).status_code == status
        assert client.post(f"{base}/handle", json={"user": "dave", "status": "accepted"}).status_code == status
    assert read(people.client("dave"), gated) == 403


def test_members_need_not_ask_and_strangers_need_a_token(people: People, gated: str) -> None:
    assert ask(people.client("carol"), gated) == (200, "accepted")
    assert people.hub.access.list(people.hub.repositories.find(gated), "accepted") == []
    assert ask(people.client(), gated)[0] == 401


def test_a_token_for_another_namespace_is_not_let_in(people: People, gated: str) -> None:
    people.client("bob").post(f"/api/models/{gated}/user-access-request/grant", json={"user": "dave"})
    scoped = people.client("dave", "read", namespace="dave")
    assert read(scoped, gated) == 403
    assert ask(scoped, gated)[0] == 403
    assert read(people.client("dave", "read", namespace="acme"), gated) == 200


def test_a_gate_that_is_lifted_lets_all_in_and_remembers_when_it_is_back(people: People, gated: str) -> None:
    dave, bob = people.client("dave"), people.client("bob", "admin")
    bob.post(f"/api/models/{gated}/user-access-request/grant", json={"user": "dave"})
    bob.put(f"/api/models/{gated}/settings", json={"gated": False})
    assert read(people.client(), gated) == 200
    bob.put(f"/api/models/{gated}/settings", json={"gated": "auto"})
    assert read(people.client(), gated) == 401
    assert read(dave, gated) == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "accepted"},
        {"user": "dave", "status": "maybe"},
        {"requestId": "x", "status": "accepted"},
        {"requestId": "9" * 19, "status": "accepted"},
        {"requestId": "999", "status": "accepted"},
        {"user": "dave\0", "status": "accepted"},
    ],
)
def test_requests_that_are_not_there(people: People, gated: str, body: dict[str, str]) -> None:
    path = f"/api/models/{gated}/user-access-request"
    assert people.client("bob").post(f"{path}/handle", json=body).status_code in {404, 422}
    assert people.client("bob").get(f"{path}/maybe").status_code == 422


def test_many_requests_come_in_pages(people: People, gated: str) -> None:
    repository = people.hub.repositories.find(gated)
    for number in range(102):
        people.hub.accounts.create(f"user{number}", "user", "alice")
        people.hub.access.ask(repository, f"user{number}")
    bob = people.client("bob")
    first = bob.get(f"/api/models/{gated}/user-access-request/pending")
    rest = bob.get(first.links["next"]["url"])
    assert (len(first.json()), len(rest.json()), "next" in rest.links) == (100, 2, False)
    names = [one["user"]["user"] for one in first.json() + rest.json()]
    assert names == [f"user{number}" for number in range(102)]


def test_data_sets_have_gates_too(people: People) -> None:
    bob, dave = people.client("bob", "admin"), people.client("dave")
    bob.post("/api/repos/create", json={"name": "acme/rows", "type": "dataset"})
    bob.put("/api/datasets/acme/rows/settings", json={"gated": "auto"})
    path = f"/datasets/acme/rows/resolve/main/{FILE}"
    refused = dave.get(path)
    assert refused.headers["x-error-message"].startswith("Access to dataset acme/rows is restricted")
    assert "http://testserver/datasets/acme/rows" in refused.headers["x-error-message"]
    assert dave.post("/datasets/acme/rows/ask-access").json() == {"status": "accepted"}
    assert dave.get(path).status_code == 200


def test_errors_name_what_to_do(people: People, gated: str) -> None:
    with pytest.raises(RegistryError) as refused:
        people.hub.access.decide(people.hub.repositories.find(gated), "accepted", "bob", user="dave")
    assert refused.value.hint
