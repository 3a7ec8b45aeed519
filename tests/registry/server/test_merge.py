"""Pull requests: what they change, and merging it into a branch that moved on."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.index import commits, merging, rows, trees
from registry.index.trees import TreeEntry
from registry.server.hub import diff
from tests.support.hub_app import DELETED, HubApp

HERE = "/api/models/alice/m/discussions"


def proposed(app: HubApp, files: dict[str, bytes | None], user: str = "bob", **options: str) -> int:
    answer = app.commit(user, files, create_pr=True, **options)
    return int(answer["pullRequestUrl"].rpartition("/")[2])


def titles(app: HubApp, revision: str = "main") -> list[str]:
    found = app.hub.repositories.find("alice/m")
    head = app.hub.history.revision(found, revision).commit
    return [one.title for one in app.hub.history.log(head, 100)]


def test_who_only_reads_proposes_and_who_writes_merges(app: HubApp) -> None:
    app.commit("alice", {"a": b"1", "b": b"1"})
    answer = app.commit("bob", {"a": b"2", "c": b"3"}, create_pr=True, message="better", description="much")
    assert answer["pullRequestUrl"] == "http://testserver/alice/m/discussions/1"
    found = app.get("bob", f"{HERE}/1?diff=1")
    assert (found["status"], found["title"], found["filesWithConflicts"]) == ("open", "better", False)
    assert found["changes"] == {"base": "refs/heads/main"}
    assert [one["type"] for one in found["events"]] == ["comment", "commit"]
    assert found["events"][0]["data"]["latest"]["raw"] == "much"
    assert found["events"][1]["data"] == {"subject": "better", "oid": answer["commitOid"]}
    assert "-1\n\\ No newline at end of file\n+2\n" in found["diff"]
    assert "--- /dev/null\n+++ b/c\n" in found["diff"]
    assert app.files() == {"a": b"1", "b": b"1"}
    app.commit("alice", {"b": b"9"})
    merged = app.post("alice", f"{HERE}/1/merge", {"comment": "thanks"})["mergeCommitId"]
    assert app.files() == {"a": b"2", "b": b"9", "c": b"3"}
    after = app.get("bob", f"{HERE}/1")
    assert (after["status"], after["changes"]["mergeCommitId"]) == ("merged", merged)
    assert [one["type"] for one in after["events"]][2:] == ["comment", "status-change"]
    assert titles(app) == ["better (#1)", "change", "change", "initial commit"]
    assert app.hub.history.entry(app.hub.repositories.find("alice/m"), "main", "a")[1].changed == merged  # type: ignore


def test_a_draft_is_opened_first_and_what_is_closed_opened_again(app: HubApp) -> None:
    app.post("bob", HERE, {"title": "to come", "pullRequest": True})
    assert app.get("bob", f"{HERE}/1")["status"] == "draft"
    app.commit("bob", {"a": b"1"}, to="refs/pr/1")
    app.commit("bob", {"b": b"1"}, to="refs/pr/1")
    app.post("alice", f"{HERE}/1/merge", status=409)
    app.post("bob", f"{HERE}/1/status", {"status": "closed"})
    app.commit("bob", {"c": b"1"}, 409, to="refs/pr/1")
    app.post("alice", f"{HERE}/1/merge", status=409)
    app.post("bob", f"{HERE}/1/status", {"status": "open"})
    app.post("alice", f"{HERE}/1/merge")
    assert app.files() == {"a": b"1", "b": b"1"}
    assert [one["type"] for one in app.get("", f"{HERE}/1")["events"]].count("commit") == 2
    app.post("alice", f"{HERE}/1/status", {"status": "closed"}, status=409)
    app.commit("bob", {"c": b"1"}, 409, to="refs/pr/1")


def test_what_both_sides_changed_is_named_and_nothing_merged(app: HubApp) -> None:
    app.commit("alice", {"a": b"1", "b": b"1", "gone": b"1"})
    number = proposed(app, {"a": b"2", "b": b"2", "gone": b"2", "same": b"5", "d/e": b"1"})
    app.commit("alice", {"a": b"3", "gone": DELETED, "same": b"5", "d": b"file"})
    assert app.get("", f"{HERE}/{number}")["filesWithConflicts"] == ["a", "d", "gone"]
    answer = app.post("alice", f"{HERE}/{number}/merge", status=409)
    assert answer["code"] == "merge-conflict" and "a, d, gone" in answer["error"]
    assert app.files() == {"a": b"3", "b": b"1", "same": b"5", "d": b"file"}
    app.commit("bob", {"a": b"3", "gone": DELETED, "d/e": DELETED, "d": b"file"}, to=f"refs/pr/{number}")
    assert app.get("", f"{HERE}/{number}")["filesWithConflicts"] is False
    app.post("alice", f"{HERE}/{number}/merge")
    assert app.files() == {"a": b"3", "b": b"2", "same": b"5", "d": b"file"}


def test_a_pull_request_that_is_merged_twice_at_once_is_merged_once(app: HubApp) -> None:
    app.token("alice")
    for number in range(1, 4):
        assert proposed(app, {f"f{number}": b"1"}) == number
        with ThreadPoolExecutor(8) as pool:
            statuses = list(
                pool.map(lambda _, path=f"{HERE}/{number}/merge": app.send("alice", "POST", path).status_code, range(8))
            )
        assert sorted(statuses) == [200] + [409] * 7
    assert titles(app) == ["change (#3)", "change (#2)", "change (#1)", "initial commit"]


def test_pull_requests_that_are_merged_at_once_are_all_merged(app: HubApp) -> None:
    numbers = [proposed(app, {f"f{one}": b"1"}) for one in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: app.send("alice", "POST", f"{HERE}/{one}/merge"), numbers))
    assert [one.status_code for one in answers] == [200] * 8
    assert set(app.files()) == {f"f{one}" for one in range(8)}


def test_commits_to_a_pull_request_are_its_authors_and_the_owners(app: HubApp) -> None:
    number = proposed(app, {"a": b"1"})
    app.commit("carol", {"a": b"2"}, 403, to=f"refs/pr/{number}")
    app.commit("", {"a": b"2"}, 401, to=f"refs/pr/{number}")
    app.commit("alice", {"a": b"2"}, to=f"refs/pr/{number}")
    app.commit("bob", {"a": b"2"}, 403)
    app.commit("", {"a": b"2"}, 401, create_pr=True)
    assert app.files(f"refs/pr/{number}") == {"a": b"2"} and app.files() == {}
    sent = {"files": [{"path": "x.bin", "size": 3}]}
    assert app.send("", "POST", "/api/models/alice/m/preupload/main?create_pr=1", json=sent).status_code == 401
    app.post("bob", "/api/models/alice/m/preupload/main?create_pr=1", sent)
    app.post("bob", f"/api/models/alice/m/preupload/refs%2Fpr%2F{number}", sent)
    app.post("carol", f"/api/models/alice/m/preupload/refs%2Fpr%2F{number}", sent, status=403)


@pytest.mark.parametrize("revision", ["none", "refs/pr/1", "refs/tags/t"])
def test_only_branches_are_asked_to_change(app: HubApp, revision: str) -> None:
    proposed(app, {"a": b"1"})
    app.commit("bob", {"a": b"1"}, 404, to=revision, create_pr=True)
    assert app.get("", HERE)["count"] == 1


def test_a_pull_request_begins_where_its_author_says(app: HubApp) -> None:
    first = app.commit("alice", {"a": b"1"})["commitOid"]
    app.commit("alice", {"a": b"2", "b": b"2"})
    assert proposed(app, {"c": b"3"}, parent=first[:5]) == 1
    assert app.files("refs/pr/1") == {"a": b"1", "c": b"3"}
    app.post("alice", f"{HERE}/1/merge")
    assert app.files() == {"a": b"2", "b": b"2", "c": b"3"}
    app.commit("bob", {"a": b"1"}, 404, create_pr=True, parent="f" * 40)


def test_a_pull_request_without_changes_is_merged_too(app: HubApp) -> None:
    app.commit("alice", {"a": b"1"})
    app.post("bob", HERE, {"title": "nothing", "pullRequest": True})
    app.post("bob", f"{HERE}/1/status", {"status": "open"})
    app.post("alice", f"{HERE}/1/merge")
    assert app.files() == {"a": b"1"}


def test_a_commit_whose_answer_was_lost_is_not_made_again(app: HubApp) -> None:
    first = app.commit("alice", {"a": b"1", "b": b"1"})["commitOid"]
    second = app.commit("alice", {"a": b"2", "b": DELETED}, parent=first)["commitOid"]
    assert app.commit("alice", {"a": b"2", "b": DELETED}, parent=first)["commitOid"] == second
    assert app.commit("alice", {"a": b"2", "b": DELETED})["commitOid"] == second
    app.commit("alice", {"a": b"3", "b": DELETED}, 412, parent=first)
    app.commit("alice", {"a": b"2", "b": DELETED}, 412, parent=first, message="other words")
    app.commit("alice", {"b": DELETED}, 404, message="not there")
    number = proposed(app, {"c": b"1"})
    oid = app.commit("bob", {"d": b"1", "c": DELETED}, to=f"refs/pr/{number}")["commitOid"]
    assert app.commit("bob", {"d": b"1", "c": DELETED}, to=f"refs/pr/{number}")["commitOid"] == oid
    assert [one["type"] for one in app.get("", f"{HERE}/{number}")["events"]].count("commit") == 2
    assert titles(app) == ["change", "change", "initial commit"]


def test_bytes_of_another_repository_cannot_be_proposed(app: HubApp) -> None:
    """Whoever knows the sha256 of a private file gets neither it nor its size by asking for a pull request."""
    app.create("carol/secret", private=True)
    app.commit("carol", {"a": b"secret"}, repository="carol/secret")
    sha256 = app.hub.history.entry(app.hub.repositories.find("carol/secret"), "main", "a")[1].sha256  # type: ignore
    lines = (
        '{"key":"header","value":{"summary":"x","description":""}}\n'
        f'{{"key":"lfsFile","value":{{"path":"a","algo":"sha256","oid":"{sha256}","size":6}}}}'
    )
    answer = app.send("bob", "POST", "/api/models/alice/m/commit/main?create_pr=1", content=lines)
    assert answer.status_code == 400 and app.get("", HERE)["count"] == 0


def test_a_diff_says_only_that_large_and_binary_files_changed(app: HubApp) -> None:
    number = proposed(app, {"big.txt": b"x\n" * 100_000, "binary": b"\0", "latin": b"\xff", "ok.txt": b"a\n"})
    text = app.get("", f"{HERE}/{number}?diff=1")["diff"]
    assert [line for line in text.splitlines() if line.startswith("Binary")] == [
        f"Binary files /dev/null and b/{name} differ" for name in ("big.txt", "binary", "latin")
    ]
    assert "@@ -0,0 +1 @@\n+a\n" in text


def test_a_long_summary_is_cut_in_the_title_only(app: HubApp) -> None:
    number = proposed(app, {"a": b"1"}, message="x" * 300)
    found = app.get("", f"{HERE}/{number}")
    assert (found["title"], found["events"][0]["data"]["latest"]["raw"]) == ("x" * 200, "x" * 100)
    app.commit("bob", {"a": b"2"}, 413, to=f"refs/pr/{number}", message="x" * 70_000)


def test_a_diff_takes_only_so_long(app: HubApp, monkeypatch: pytest.MonkeyPatch) -> None:
    number = proposed(app, {"a": b"1\n", "b": b"1\n"})
    assert app.get("", f"{HERE}/{number}?diff=1")["diff"].count("@@\n+1\n") == 2
    monkeypatch.setattr(diff, "MAX_SECONDS", 0)
    assert app.get("", f"{HERE}/{number}?diff=1")["diff"].count(" differ\n") == 2


def test_a_pull_request_is_merged_into_a_branch_that_was_squashed(app: HubApp) -> None:
    """Nothing of the branch's history is left then, and what the pull request did not touch is no conflict."""
    app.commit("alice", {"a": b"1", "b": b"1"})
    number = proposed(app, {"a": b"2"})
    app.commit("alice", {"b": b"2", "c": b"2"})
    head = app.hub.history.revision(app.hub.repositories.find("alice/m"), "main").commit
    with app.hub.database.write() as session:
        row = rows.repository(session, "alice/m")
        squashed = commits.write(session, row, list(trees.read(session, head).values()), [], "squash", "alice")
        commits.point(session, row, rows.BRANCH, "main", squashed)
    app.post("alice", f"{HERE}/{number}/merge")
    assert app.files() == {"a": b"2", "b": b"2", "c": b"2"}
    assert titles(app) == ["change (#1)", "squash"]


PATHS = ["a", "b", "d", "d/e", "d/f/g"]
CONTENT = st.sampled_from([b"1", b"2", b"3"])


def _valid(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(path + "/") for path in files for other in files)


TREES = st.dictionaries(st.sampled_from(PATHS), CONTENT, max_size=4).filter(_valid)


def _tree(files: dict[str, bytes]) -> dict[str, TreeEntry]:
    return {path: TreeEntry(path, 1, data.decode() * 64, None, "c" * 40) for path, data in sorted(files.items())}


def _plain(start: dict[str, bytes], ours: dict[str, bytes], theirs: dict[str, bytes]) -> dict[str, bytes] | None:
    """The rules, path by path; None for a conflict."""
    after: dict[str, bytes] = {}
    for path in PATHS:
        one, two, three = start.get(path), ours.get(path), theirs.get(path)
        if two != three and one not in (two, three):
            return None
        chosen = three if one == two else two
        if chosen is not None:
            after[path] = chosen
    return after if _valid(after) else None


@given(TREES, TREES, TREES)
@settings(max_examples=600, deadline=None)
def test_merging_takes_what_one_side_changed(
    start: dict[str, bytes], ours: dict[str, bytes], theirs: dict[str, bytes]
) -> None:
    expected = _plain(start, ours, theirs)
    wrong = merging.conflicts(_tree(start), _tree(ours), _tree(theirs))
    assert (wrong == []) == (expected is not None)
    if expected is not None:
        after = merging.merge(_tree(start), _tree(ours), _tree(theirs))
        assert {path: entry.sha256[0].encode() for path, entry in after.items()} == expected
        assert list(after) == sorted(after)
        assert all(ours.get(path) == expected[path] for path, entry in after.items() if entry.changed)
    assert merging.conflicts(_tree(start), _tree(theirs), _tree(ours)) == wrong  # whichever side is whose


@given(TREES, TREES, TREES)
@settings(max_examples=40, deadline=None)
def test_git_merges_the_same_and_refuses_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    start: dict[str, bytes],
    ours: dict[str, bytes],
    theirs: dict[str, bytes],
) -> None:
    """Files are binary to git, so that it mixes no lines, and unlike each other, so that it sees no renames."""
    root = tmp_path_factory.mktemp("git")
    base = _git_commit(root, start)
    sides = [_git_commit(root, files, base) for files in (ours, theirs)]
    done = _git(root, "merge-tree", "--write-tree", *sides, check=False)
    wrong = merging.conflicts(_tree(start), _tree(ours), _tree(theirs))
    assert (done.returncode == 0) == (wrong == []), done.stdout
    if not wrong:
        listed = _git(root, "ls-tree", "-r", "--name-only", done.stdout.split()[0]).stdout.split()
        assert listed == list(merging.merge(_tree(start), _tree(ours), _tree(theirs)))


def _git(root: Path, *arguments: str, check: bool = True, text: str = "") -> subprocess.CompletedProcess[str]:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}
    command = ["git", "-C", str(root), *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), **who}
    return subprocess.run(command, check=check, env=environment, capture_output=True, text=True, input=text)


def _git_commit(root: Path, files: dict[str, bytes], parent: str = "") -> str:
    if not parent:
        _git(root, "init", "-q")
    _git(root, "read-tree", "--empty")
    for path, data in files.items():
        oid = _git(root, "hash-object", "-w", "--stdin", text=_binary(path, data)).stdout.strip()
        _git(root, "update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    tree = _git(root, "write-tree").stdout.strip()
    return _git(root, "commit-tree", tree, *(["-p", parent] if parent else []), text="x").stdout.strip()


def _binary(path: str, data: bytes) -> str:
    return "\0" + hashlib.sha256(path.encode() + b"\0" + data).hexdigest()


def test_what_changed_is_shown_to_who_may_read_the_files(app: HubApp) -> None:
    app.commit("alice", {"a": b"secret\n"}, create_pr=True)
    repository = app.hub.repositories.find("alice/m")
    app.hub.repositories.settings(repository, "alice", gated="manual")
    app.token("bob")
    assert "diff" not in app.get("bob", "/api/models/alice/m/discussions/1?diff=1")
    app.hub.access.grant(repository, "bob", "alice")
    assert "+secret" in app.get("bob", "/api/models/alice/m/discussions/1?diff=1")["diff"]
