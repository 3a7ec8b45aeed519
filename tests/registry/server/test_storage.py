"""How much room repositories take, removing large files for good, copies, and likes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.index.tables import VersionRow
from registry.index.trees import Put, TreeEntry
from registry.server import files
from tests.support.hub_app import DELETED, HubApp

HERE = "/api/models/alice/m"


def large(app: HubApp, path: str, data: bytes) -> str:
    """Commit an LFS file, and return its sha256."""
    stored = files.store_bytes(app.hub, data, path)
    entry = TreeEntry(path, stored.size, stored.sha256)
    repository = app.hub.repositories.find("alice/m")
    files.grant(app.hub, repository, [entry])
    app.hub.history.commit(repository, "main", [Put(entry)], f"add {path}", "alice")
    return entry.sha256


def removed(app: HubApp, *sha256s: str, user: str = "alice", status: int = 200) -> None:
    app.post(user, f"{HERE}/lfs-files/batch", {"deletions": {"sha": sha256s, "rewriteHistory": True}}, status)


def test_large_files_leave_all_commits_for_good(app: HubApp) -> None:
    first, second = large(app, "a.bin", b"1"), large(app, "b.bin", b"22")
    app.commit("alice", {"a.bin": DELETED, "c": b"3"})
    listed = app.get("alice", f"{HERE}/lfs-files")
    assert {(one["fileOid"], one["filename"], one["size"]) for one in listed} == {
        (first, "a.bin", 1),
        (second, "b.bin", 2),
    }
    assert app.send("bob", "GET", f"{HERE}/lfs-files").status_code == 403
    removed(app, first, user="bob", status=403)
    removed(app, "x", status=422)
    removed(app, first, second)
    assert app.get("alice", f"{HERE}/lfs-files") == [] and app.files() == {"c": b"3"}
    line = f'{{"key":"lfsFile","value":{{"path":"a","algo":"sha256","oid":"{first}"}}}}'
    again = '{"key":"header","value":{"summary":"x","description":""}}\n' + line
    assert app.send("alice", "POST", f"{HERE}/commit/main", content=again).status_code == 400


def test_what_a_version_needs_stays(app: HubApp) -> None:
    sha256, other = large(app, "a.bin", b"1"), large(app, "b.bin", b"2")
    repository = app.hub.repositories.find("alice/m")
    commit = app.hub.history.revision(repository, "main").commit
    with app.hub.database.write() as session:
        known = {"number": "1.0.0", "commit": commit, "digest": "sha256:x", "manifest": b"{}", "derived": False}
        session.add(VersionRow(repository_id=repository.id, created=datetime.now(UTC), **known))
    app.commit("alice", {"a.bin": DELETED, "b.bin": DELETED})
    removed(app, sha256, other, status=403)
    assert len(app.get("alice", f"{HERE}/lfs-files")) == 2
    assert app.files(commit) == {"a.bin": b"1", "b.bin": b"2"}


def test_room_is_told_to_whom_it_belongs(app: HubApp) -> None:
    app.commit("alice", {"a": b"x" * 1000, "b": b"x" * 1000})
    app.commit("alice", {"a": b"y" * 500})
    app.create("alice/secret", private=True)
    found = {one["id"]: one for one in app.get("alice", "/api/settings/repositories")}
    rules = found["alice/secret"]["storage"]
    assert found["alice/m"]["storage"] == 1500 + rules  # bytes that two paths name are there once
    assert found["alice/secret"]["visibility"] == "private"
    assert app.get("bob", "/api/settings/repositories") == []
    assert app.send("", "GET", "/api/settings/repositories").status_code == 401
    assert app.send("bob", "GET", "/api/organizations/alice/settings/repositories").status_code == 403


def test_a_copy_has_the_files_and_is_as_private(app: HubApp) -> None:
    app.create("alice/secret", private=True)
    app.commit("alice", {"a": b"1"}, repository="alice/secret")
    app.post("alice", "/api/models/alice/secret/duplicate", {"repository": "alice/copy"})
    assert app.files(repository="alice/copy") == {"a": b"1"}
    assert app.hub.repositories.find("alice/copy").private
    app.commit("alice", {"a": b"2"}, repository="alice/copy")
    assert app.files(repository="alice/secret") == {"a": b"1"}
    bob = {"repository": "bob/copy"}
    app.post("bob", "/api/models/alice/secret/duplicate", bob, status=404)
    app.post("bob", f"{HERE}/duplicate", bob)
    assert not app.hub.repositories.find("bob/copy").private
    assert app.post("bob", f"{HERE}/duplicate", bob, status=409)["url"].endswith("/bob/copy")
    app.post("bob", f"{HERE}/duplicate", {"repository": "alice/stolen"}, status=403)


def test_likes_are_counted_once_and_shown_to_who_may_see_the_repository(app: HubApp) -> None:
    app.create("alice/secret", private=True)
    for user, name in [("alice", "m"), ("alice", "m"), ("bob", "m"), ("alice", "secret")]:
        app.post(user, f"/api/models/alice/{name}/like")
    assert app.hub.repositories.find("alice/m").likes == 2
    assert sorted(one["user"] for one in app.get("", f"{HERE}/likers")) == ["alice", "bob"]
    assert {one["repo"]["name"] for one in app.get("alice", "/api/users/Alice/likes")} == {"alice/m", "alice/secret"}
    assert [one["repo"]["name"] for one in app.get("bob", "/api/users/alice/likes")] == ["alice/m"]
    for _ in range(2):
        assert app.send("alice", "DELETE", f"{HERE}/like").status_code == 200
    assert app.hub.repositories.find("alice/m").likes == 1
    assert app.send("", "POST", f"{HERE}/like").status_code == 401
    assert app.send("bob", "POST", "/api/models/alice/secret/like").status_code == 404


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/alice/m", "/api/models/alice/m"),
        ("/datasets/alice/d", "/api/datasets/alice/d"),
        ("/alice/m/discussions/3", "/api/models/alice/m/discussions/3"),
        ("/alice/m/commit/0123456", "/api/models/alice/m/revision/0123456"),
    ],
)
def test_addresses_for_people_lead_to_what_the_api_says(app: HubApp, path: str, target: str) -> None:
    answer = app.send("", "GET", path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"http://testserver{target}")
    assert app.send("", "GET", "/api/none").status_code == 404
    assert app.get("", "/")["name"] == "adapterhub"


def test_a_copy_is_for_who_may_read_the_files(app: HubApp) -> None:
    app.commit("alice", {"secret": b"1"})
    repository = app.hub.repositories.find("alice/m")
    app.hub.repositories.settings(repository, "alice", gated="manual")
    body = {"repository": "bob/m"}
    assert app.send("bob", "POST", f"{HERE}/duplicate", json=body).status_code == 403
    app.hub.access.grant(repository, "bob", "alice")
    app.post("bob", f"{HERE}/duplicate", body)
    assert app.files(repository="bob/m") == {"secret": b"1"}
