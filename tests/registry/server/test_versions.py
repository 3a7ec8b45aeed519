"""Admission, withdrawals and what is told of them, on a server in the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from registry.errors import AdmissionRefused, RefExists, RevisionNotFound, TakenDown, VersionConflict
from registry.index.repositories import Repository
from registry.index.tables import DeliveryRow
from registry.server import admission
from registry.server.services import Services
from tests.registry.server.adapters import CARD, adapter, adapter_repository, commit

Headers = dict[str, str]
HERE = "/api/models/ada/intent"


@pytest.fixture
def repository(hub: Services, ada: Headers, tmp_path: Path) -> Repository:
    return adapter_repository(hub, tmp_path)


def head(hub: Services, repository: Repository) -> str:
    return hub.history.revision(repository, "main").commit


def tag(hub: Services, repository: Repository, number: str) -> str:
    return admission.admit_commit(hub, repository, number, head(hub, repository), "ada").digest


def after_judging(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """Let something happen between the judging of files and the transaction that records the version."""
    judge = admission._judge

    def judged(*arguments: object) -> object:
        content = judge(*arguments)  # type: ignore[arg-type]
        then()
        return content

    monkeypatch.setattr(admission, "_judge", judged)


def test_two_who_tag_at_once_make_one_version(
    hub: Services, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are past every look at what is there before either records."""
    meeting, outcomes = threading.Barrier(2), []
    after_judging(monkeypatch, lambda: meeting.wait(10))

    def attempt() -> None:
        try:
            outcomes.append(tag(hub, repository, "1.0.0"))
        except RefExists as error:
            outcomes.append(error.code)

    racers = [threading.Thread(target=attempt) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes)[0] == "ref-exists" and sorted(outcomes)[1].startswith("sha256:")
    assert [entry.action for entry in hub.log.entries("ada/intent")].count("publish") == 1


def test_what_changed_while_files_were_judged_is_seen(
    hub: Services, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No lock is held meanwhile: others write, and what they wrote decides."""
    with monkeypatch.context() as patch:
        after_judging(patch, lambda: hub.refs.create_branch(repository, "1.0.0", "main", "ada"))
        with pytest.raises(AdmissionRefused, match="would hide"):
            tag(hub, repository, "1.0.0")
    with monkeypatch.context() as patch:
        after_judging(patch, lambda: hub.refs.create_tag(repository, "1.1.0", "main", "", "ada"))
        with pytest.raises(RefExists):
            tag(hub, repository, "1.1.0")
    tag(hub, repository, "2.0.0")
    before = head(hub, repository)
    commit(hub, repository, adapter(tmp_path, seed=1))
    with pytest.raises(VersionConflict):
        tag(hub, repository, "2.0.0")
    after_judging(monkeypatch, lambda: hub.versions.withdraw("ada/intent", "2.0.0", "revoked", "wrong", "ada"))
    with pytest.raises(AdmissionRefused, match="was revoked"):
        admission.admit_commit(hub, repository, "2.0.1", before, "ada")


def test_a_commit_of_another_repository_is_not_admitted(hub: Services, repository: Repository, tmp_path: Path) -> None:
    other = adapter_repository(hub, tmp_path, "ada/other")
    with pytest.raises(RevisionNotFound):
        admission.admit_commit(hub, repository, "1.0.0", head(hub, other), "ada")
    assert hub.releases.all(repository) == []


def test_large_files_are_refused_before_they_are_fetched(
    client: TestClient, hub: Services, repository: Repository, ada: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(hub, repository, {"figures/plot.png": b"x" * (8 << 20) + b"x", "weights.pt": b"x"})
    monkeypatch.setattr(admission, "_fetch", None)  # which cannot be called
    for refused in ("figures/plot.png has 8,388,609 bytes", "weights.pt: may hold code"):
        answer = client.post(HERE + "/tag/main", json={"tag": "1.0.0"}, headers=ada)
        assert answer.status_code == 422 and refused in answer.json()["error"]
        assert answer.headers["x-error-message"] == answer.json()["error"]
        commit(hub, repository, {refused.partition(" ")[0].rstrip(":"): None})
    details = [entry.detail for entry in hub.log.entries("ada/intent") if entry.action == "publish-refused"]
    assert len(details) == 2 and "weights.pt" in details[0]


def test_a_takedown_leaves_what_other_versions_hold(
    client: TestClient, hub: Services, repository: Repository, tmp_path: Path
) -> None:
    first = adapter(tmp_path)
    tag(hub, repository, "1.0.0")
    bad = commit(hub, repository, {**adapter(tmp_path, seed=1), "README.md": CARD.encode() + b"bad"})
    digest = tag(hub, repository, "1.1.0")
    later = commit(hub, repository, {"LICENSE": b"MIT"})
    kept = hub.history.tree(bad)
    hub.takedowns.take_down(repository, "1.1.0", "a court said so", "root")
    assert hub.history.tree(bad) == {}
    with pytest.raises(TakenDown, match="a court said so"):
        hub.history.entry(repository, bad, "README.md")
    assert client.get(f"/ada/intent/resolve/{bad}/README.md").status_code == 451
    # The later draft keeps what it shares with 1.0.0, and its own; not the weights and the card that are gone.
    assert set(hub.history.tree(later)) == {"LICENSE", "adapter_config.json"}
    whole = hub.history.tree(hub.history.revision(repository, "1.0.0").commit)
    assert set(whole) == set(first)
    released, manifest = hub.releases.one(repository, digest)
    assert released.removed and released.version.status == "revoked" and len(manifest.files) == 3
    assert hub.log.entries("ada/intent")[0].action == "takedown"
    # The bytes cannot be named again by their sha256 alone, nor be admitted again.
    lines = '{"key":"header","value":{"summary":"x"}}\n{"key":"lfsFile","value":{"path":"a","oid":"%s"}}'
    weights = kept["adapter_model.safetensors"].sha256
    token = {"Authorization": f"Bearer {hub.tokens.issue('ada', 'x', 'write', 'test')}"}
    assert client.post(HERE + "/commit/main", content=lines % weights, headers=token).status_code == 400
    commit(hub, repository, {**adapter(tmp_path, seed=1), "README.md": CARD.encode() + b"bad", "LICENSE": None})
    with pytest.raises(AdmissionRefused, match="a court said so"):
        tag(hub, repository, "1.2.0")
    mark = hub.log.changes(None).mark
    hub.takedowns.take_down(repository, "1.1.0", "again", "root")
    assert hub.log.changes(None).mark == mark


def test_a_takedown_takes_all_numbers_of_the_content(hub: Services, repository: Repository) -> None:
    tag(hub, repository, "1.0.0")
    tag(hub, repository, "1.0.1")
    hub.takedowns.take_down(repository, "1.0.0", "a court said so", "root")
    assert [one.version.status for one in hub.releases.all(repository)] == ["revoked", "revoked"]


def test_private_changes_are_not_told_of(
    client: TestClient, hub: Services, ada: Headers, bob: Headers, repository: Repository, tmp_path: Path
) -> None:
    hidden = adapter_repository(hub, tmp_path, "ada/hidden", private=True)
    mark = client.get("/api/changes").json()
    assert mark["repositories"] is None
    since = f"/api/changes?since={mark['mark']}"
    tag(hub, repository, "1.0.0")
    tag(hub, hidden, "1.0.0")
    assert client.get(since, headers=ada).json()["repositories"] == ["ada/hidden", "ada/intent"]
    for headers in (bob, {}):
        assert client.get(since, headers=headers).json()["repositories"] == ["ada/intent"]
        for path in ("/versions", "/versions/1.0.0", "/changes", "/alias/x", f"/versions?digest=sha256:{'0' * 64}"):
            there = client.get(f"/api/models/ada/hidden{path}", headers=headers)
            absent = client.get(f"/api/models/ada/absent{path}", headers=headers)
            assert there.status_code == absent.status_code == (404 if headers else 401)
            assert there.text.replace("hidden", "absent") == absent.text
        assert client.get("/api/resolve?reference=ada/hidden", headers=headers).status_code in (401, 404)
    assert client.get("/api/changes?since=999999").json()["repositories"] is None
    hub.repositories.delete(repository, "ada")
    assert "ada/intent" in client.get(since).json()["repositories"]


def test_the_new_name_of_a_private_repository_is_not_given_away(
    client: TestClient, hub: Services, ada: Headers, bob: Headers, tmp_path: Path
) -> None:
    hidden = adapter_repository(hub, tmp_path, private=True)
    tag(hub, hidden, "1.0.0")
    hub.repositories.move(hidden, "ada/secret", "ada")
    for path in (HERE, f"{HERE}/versions", f"{HERE}/refs", "/api/resolve?reference=ada/intent"):
        assert client.get(path, headers=ada).status_code == 200
        refused = client.get(path, headers=bob)
        assert refused.status_code == 404 and "secret" not in f"{refused.text}{refused.headers}"


def test_a_deleted_private_repository_answers_its_readers_only(
    client: TestClient, hub: Services, ada: Headers, bob: Headers, tmp_path: Path
) -> None:
    hidden = adapter_repository(hub, tmp_path, private=True)
    digest, pinned = tag(hub, hidden, "1.0.0"), head(hub, hidden)
    hub.repositories.delete(hidden, "ada")
    paths = (
        f"{HERE}/versions?digest={digest}",
        f"{HERE}/versions/{digest}",
        f"/api/resolve?reference=ada/intent@{digest}",
        f"{HERE}/revision/{pinned}",
        f"{HERE}/tree/{pinned}",
        f"/ada/intent/resolve/{pinned}/README.md",
    )
    assert [client.get(path, headers=ada).status_code for path in paths] == [200] * len(paths)
    assert [client.get(path, headers=bob).status_code for path in paths] == [404] * len(paths)
    assert [client.get(path).status_code for path in paths] == [401] * len(paths)


def test_the_audit_log_is_for_who_answers_for_it(
    client: TestClient, hub: Services, ada: Headers, bob: Headers, repository: Repository
) -> None:
    hub.accounts.create("root", "user", "test", admin=True)
    root = {"Authorization": f"Bearer {hub.tokens.issue('root', 'x', 'admin', 'test')}"}
    less = {"Authorization": f"Bearer {hub.tokens.issue('root', 'y', 'write', 'test')}"}
    tag(hub, repository, "1.0.0")
    for headers, path, status in (
        ({}, "", 401),
        (ada, "", 403),
        (less, "", 403),
        (bob, "?namespace=ada", 403),
        (bob, "?repository=ada/intent", 403),
        (bob, "?namespace=bob&repository=ada/intent", 200),
    ):
        answer = client.get(f"/api/audit{path}", headers=headers)
        assert answer.status_code == status, path
        assert status != 200 or answer.json() == []
    own = client.get("/api/audit?namespace=ada", headers=ada).json()
    assert {one["repository"] for one in own} == {"ada/intent"} and own[0]["action"] == "publish"
    found, address = [], "/api/audit?limit=3"
    while address:
        answer = client.get(address, headers=root)
        found += [one["id"] for one in answer.json()]
        address = answer.links["next"]["url"] if answer.links else ""
    assert found == [entry.id for entry in hub.log.entries()] and len(found) > 3


def test_webhooks_are_told(client: TestClient, hub: Services, ada: Headers, repository: Repository) -> None:
    client.post("/api/namespaces/ada/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=ada)
    digest = tag(hub, repository, "1.0.0")
    client.put(HERE + "/alias/production", json={"version": "1.0.0", "expect": None}, headers=ada)
    client.post(HERE + "/versions/1.0.0/yank", json={"reason": "slow"}, headers=ada)
    client.post(HERE + "/versions/1.0.0/revoke", json={"reason": "wrong"}, headers=ada)
    log = client.get("/api/namespaces/ada/webhooks/1/deliveries", headers=ada).json()
    assert [one["event"] for one in reversed(log)] == [
        "version.published",
        "alias.moved",
        "version.yanked",
        "version.revoked",
    ]
    with hub.database.read() as session:
        payloads = session.scalars(select(DeliveryRow.payload).order_by(DeliveryRow.id)).all()
    told = {"repository": "ada/intent", "version": "1.0.0", "digest": digest, "reason": "wrong"}
    assert payloads[-1]["data"] == told


def test_the_document_describes_these_endpoints(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    model = "/api/models/{namespace}/{name}"
    withdrawals = [f"{model}/versions/{{number}}/{verb}" for verb in ("yank", "revoke", "takedown")]
    reads = [f"{model}/versions", f"{model}/versions/{{version}}", f"{model}/changes"]
    for path in ["/api/resolve", "/api/changes", "/api/audit", f"{model}/alias/{{alias}}", *reads, *withdrawals]:
        for method, about in paths[path].items():
            named = {one["name"] for one in about.get("parameters", ()) if one["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (path, method)
            assert about["description"] and about["security"], (path, method)
            assert {"200", "422"} <= about["responses"].keys()
            for status, answer in about["responses"].items():
                schema = answer["content"]["application/json"]["schema"]
                assert ("$ref" in schema and schema["$ref"].endswith("/Failure")) == (status != "200"), (path, status)
