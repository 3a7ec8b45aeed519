"""What stock clients do not try of refs: who may change them, names in tricky places, pull requests' histories."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from registry.errors import InvalidReference, RefExists
from registry.index.refnames import check_ref_name
from registry.server.services import Services
from tests.registry.server.adapters import adapter_repository, commit

Headers = dict[str, str]
WRITES = (
    ("POST", "/branch/x", {}),
    ("DELETE", "/branch/dev", None),
    ("POST", "/tag/main", {"tag": "x"}),
    ("DELETE", "/tag/v1", None),
    ("POST", "/super-squash/main", {"message": "one"}),
    ("PUT", "/alias/production", {"version": "1.0.0", "expect": None}),
    ("POST", "/versions/1.0.0/yank", {"reason": "slow"}),
    ("POST", "/versions/1.0.0/revoke", {"reason": "wrong"}),
    ("POST", "/versions/1.0.0/takedown", {"reason": "wrong"}),
)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("private", [False, True])
def test_only_who_may_write_changes_anything(
    client: TestClient,
    hub: Services,
    ada: Headers,
    bob: Headers,
    tmp_path: Path,
    private: bool,
    method: str,
    path: str,
    body: object,
) -> None:
    repository = adapter_repository(hub, tmp_path, private=private)
    hub.refs.create_branch(repository, "dev", "main", "ada")
    hub.refs.create_tag(repository, "v1", "main", "", "ada")
    assert client.post("/api/models/ada/intent/tag/main", json={"tag": "1.0.0"}, headers=ada).status_code == 200
    before, mark = hub.refs.list(repository), hub.log.changes(None).mark
    stranger = client.request(method, f"/api/models/ada/intent{path}", json=body, headers=bob)
    nobody = client.request(method, f"/api/models/ada/intent{path}", json=body)
    assert nobody.status_code == 401
    takedown = "takedown" in path  # nobody but administrators of the server learns even that
    assert stranger.status_code == (404 if private and not takedown else 403)
    if private and not takedown:
        absent = client.request(method, f"/api/models/ada/absent{path}", json=body, headers=bob)
        assert stranger.text.replace("intent", "absent") == absent.text
    assert (hub.refs.list(repository), hub.log.changes(None).mark) == (before, mark)


def test_the_history_of_a_pull_request_is_squashed(
    client: TestClient, hub: Services, ada: Headers, tmp_path: Path
) -> None:
    repository = adapter_repository(hub, tmp_path)
    head = hub.history.revision(repository, "main").commit
    body = {"title": "a licence", "description": "", "pullRequest": True}
    assert client.post("/api/models/ada/intent/discussions", json=body, headers=ada).json()["num"] == 1
    commit(hub, repository, {"LICENSE": b"MIT"}, to="refs/pr/1")
    answer = client.post(
        "/api/models/ada/intent/super-squash/refs%2Fpr%2F1", json={"message": "one\n\nall of it"}, headers=ada
    )
    assert answer.status_code == 200
    log = client.get("/api/models/ada/intent/commits/refs%2Fpr%2F1").json()
    assert [(one["title"], one["message"]) for one in log] == [("one", "all of it")]
    listed = client.get("/api/models/ada/intent/refs?include_prs=1").json()["pullRequests"]
    assert listed == [{"name": "1", "ref": "refs/pr/1", "targetCommit": log[0]["id"]}]
    assert "LICENSE" in hub.history.tree(log[0]["id"])
    assert hub.history.revision(repository, "main").commit == head


def test_pages_of_commits(client: TestClient, hub: Services, ada: Headers, tmp_path: Path) -> None:
    repository = adapter_repository(hub, tmp_path)
    oids = [commit(hub, repository, {"LICENSE": str(number).encode()}) for number in range(5)]
    found, address = [], "/api/models/ada/intent/commits/main?limit=2&expand%5B%5D=formatted"
    while address:
        answer = client.get(address)
        assert len(answer.json()) <= 2 and all("formatted" in one for one in answer.json())
        found += [one["id"] for one in answer.json()]
        address = answer.links["next"]["url"] if answer.links else ""
    assert found[:5] == oids[::-1] and len(found) == 7
    assert client.get("/api/models/ada/intent/commits/main?cursor=main").status_code == 404
    assert client.get("/api/models/ada/intent/commits/main?cursor=" + "0" * 40).status_code == 404


def test_a_tags_message_is_in_the_audit_log(hub: Services, ada: Headers, tmp_path: Path) -> None:
    repository = adapter_repository(hub, tmp_path)
    tagged = hub.refs.create_tag(repository, "v1", "main", "what it is for", "ada")
    entry = hub.log.entries("ada/intent")[0]
    assert (entry.action, entry.subject, entry.actor) == ("tag-create", "v1", "ada")
    assert entry.detail == f"{tagged} what it is for"
    with pytest.raises(RefExists):
        hub.refs.create_tag(repository, "v1", "main", "", "ada")


@pytest.mark.parametrize("name", ["dev", "a/b", "v1.0", "déjà-vu", "a@b", "@a", "a.b", "refs", "x" * 256, "0" * 39])
def test_names_that_git_allows(name: str) -> None:
    assert check_ref_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".a", "a/.b", "a..b", "a b", "a\tb", "a\x7fb", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b"),
        *("/a", "a/", "a//b", "a.", "a.lock", "a.lock/b", "@", "a@{1}", "-a", "HEAD", "refs/heads/a", "a" * 40),
        *("x" * 257, "a\u200bb", "a\nb"),
    ],
)
def test_names_that_git_or_this_server_refuses(name: str) -> None:
    with pytest.raises(InvalidReference):
        check_ref_name(name)
