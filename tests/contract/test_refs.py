"""Branches, tags, histories, as huggingface_hub makes, lists and removes them."""

from __future__ import annotations

from pathlib import Path

from tests.contract.client import run_hf, run_python
from tests.support.hub import HubServer

PRELUDE = """
import sys
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
api, name = HfApi(), sys.argv[1]
kind = sys.argv[2] if len(sys.argv) > 2 else "model"

def refused(status, call, *arguments, error=HfHubHTTPError, **named):
    try:
        call(*arguments, repo_type=kind, **named)
    except error as raised:
        assert raised.response.status_code == status, raised
        return str(raised)
    raise SystemExit(f"{call.__name__} {arguments} {named} was accepted")

def commit(text, revision="main", path="a.txt"):
    added = [CommitOperationAdd(path, text.encode())]
    return api.create_commit(name, added, commit_message=text, revision=revision, repo_type=kind).oid

def names(refs):
    return {one.name: one.target_commit for one in refs}

api.create_repo(name, repo_type=kind)
"""

BRANCHES = (
    PRELUDE
    + """
first, second = commit("one"), commit("two")
api.create_branch(name, branch="cool", repo_type=kind)
api.create_branch(name, branch="from/first", revision=first, repo_type=kind)
api.create_branch(name, branch="cool", exist_ok=True, repo_type=kind)
assert "Reference refs/heads/cool already exists" in refused(409, api.create_branch, name, branch="cool")
refs = api.list_repo_refs(name, repo_type=kind)
assert names(refs.branches) == {"main": second, "cool": second, "from/first": first}, refs
assert [one.ref for one in refs.branches] == ["refs/heads/cool", "refs/heads/from/first", "refs/heads/main"]
assert refs.tags == [] and refs.converts == [] and refs.pull_requests is None
assert api.list_repo_refs(name, include_pull_requests=True, repo_type=kind).pull_requests == []
third = commit("three", revision="from/first")
assert names(api.list_repo_refs(name, repo_type=kind).branches)["from/first"] == third
assert open(hf_hub_download(name, "a.txt", revision="from/first", repo_type=kind)).read() == "three"
refused(404, api.create_branch, name, branch="x", revision="none", error=RevisionNotFoundError)
for bad in ("a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a..b", "-a", "a.lock", ".a", "a/", "a@{b", "HEAD",
            "refs/heads/x", "f" * 40, "a//b", "x" * 257):
    refused(400, api.create_branch, name, branch=bad, error=BadRequestError)
assert "Cannot delete refs/heads/main" in refused(403, api.delete_branch, name, branch="main")
api.delete_branch(name, branch="from/first", repo_type=kind)
refused(404, api.delete_branch, name, branch="from/first", error=RevisionNotFoundError)
assert set(names(api.list_repo_refs(name, repo_type=kind).branches)) == {"main", "cool"}
print("done")
"""
)

TAGS = (
    PRELUDE
    + """
first, second = commit("one"), commit("two")
api.create_tag(name, tag="v1", tag_message="the first", revision=first, repo_type=kind)
api.create_tag(name, tag="v2", repo_type=kind)
api.create_tag(name, tag="1.0.0", repo_type=kind)                    # no adapter in it: a plain tag
api.create_branch(name, branch="v2", revision=first, repo_type=kind)  # may share the name
refs = api.list_repo_refs(name, repo_type=kind)
assert names(refs.tags) == {"v1": first, "v2": second, "1.0.0": second}, refs
assert [one.ref for one in refs.tags] == ["refs/tags/1.0.0", "refs/tags/v1", "refs/tags/v2"]
assert api.repo_info(name, revision="v1", repo_type=kind).sha == first
refused(409, api.create_tag, name, tag="v1")
api.create_tag(name, tag="v1", exist_ok=True, repo_type=kind)
refused(404, api.create_tag, name, tag="v3", revision="none", error=RevisionNotFoundError)
refused(400, api.create_tag, name, tag="no blanks", error=BadRequestError)
refused(404, api.delete_tag, name, tag="none", error=RevisionNotFoundError)
refused(404, api.delete_tag, name, tag="main", error=RevisionNotFoundError)
for tag in ("v1", "v2", "1.0.0"):
    api.delete_tag(name, tag=tag, repo_type=kind)
assert api.list_repo_refs(name, repo_type=kind).tags == []
assert "v2" in names(api.list_repo_refs(name, repo_type=kind).branches)
print("done")
"""
)

HISTORY = (
    PRELUDE
    + """
oids = [commit(f"title {number} <b>\\n\\nand more") for number in range(3)]
api.create_branch(name, branch="other", repo_type=kind)
listed = api.list_repo_commits(name, repo_type=kind)
assert [one.commit_id for one in listed[:-1]] == oids[::-1]
assert listed[-1].title == "initial commit" and listed[-1].message == "" and listed[-1].authors == ["admin"]
assert (listed[0].title, listed[0].message) == ("title 2 <b>", "and more") and listed[0].formatted_title is None
formatted = api.list_repo_commits(name, formatted=True, repo_type=kind)[0]
assert (formatted.formatted_title, formatted.formatted_message) == ("title 2 &lt;b&gt;", "and more")
assert len(api.list_repo_commits(name, revision=oids[0], repo_type=kind)) == 2
refused(404, api.list_repo_commits, name, revision="none", error=RevisionNotFoundError)
api.super_squash_history(name, commit_message="all in one", repo_type=kind)
squashed = api.list_repo_commits(name, repo_type=kind)
assert [one.title for one in squashed] == ["all in one"]
assert sorted(api.list_repo_files(name, repo_type=kind)) == [".gitattributes", "a.txt"]
[info] = api.get_paths_info(name, ["a.txt"], expand=True, repo_type=kind)
assert info.last_commit.oid == squashed[0].commit_id
assert len(api.list_repo_commits(name, revision="other", repo_type=kind)) == 4
refused(404, api.super_squash_history, name, branch="none", error=RevisionNotFoundError)
commit("goes on")
assert [one.title for one in api.list_repo_commits(name, repo_type=kind)] == ["goes on", "all in one"]
print("done")
"""
)


def test_branches(server: HubServer, home: Path) -> None:
    assert run_python(BRANCHES, server, home, "admin/branches") == "done\n"


def test_tags(server: HubServer, home: Path) -> None:
    assert run_python(TAGS, server, home, "admin/tags") == "done\n"


def test_a_data_set_has_them_too(server: HubServer, home: Path) -> None:
    assert run_python(BRANCHES, server, home, "admin/data", "dataset") == "done\n"
    assert run_python(TAGS, server, home, "admin/tagged", "dataset") == "done\n"


def test_histories_and_squashing_them(server: HubServer, home: Path) -> None:
    assert run_python(HISTORY, server, home, "admin/history") == "done\n"


def test_the_command_line(server: HubServer, home: Path) -> None:
    run_hf(server, home, "repos", "create", "admin/named")
    run_hf(server, home, "repos", "branch", "create", "admin/named", "dev")
    run_hf(server, home, "repos", "tag", "create", "admin/named", "v1", "-m", "the first")
    assert "v1" in run_hf(server, home, "repos", "tag", "list", "admin/named")
    run_hf(server, home, "repos", "tag", "delete", "admin/named", "v1", "-y")
    run_hf(server, home, "repos", "branch", "delete", "admin/named", "dev")
    note = home.parent / "note.txt"
    note.write_text("a note")
    run_hf(server, home, "upload", "admin/named", str(note), "note.txt", "--revision", "fresh")
    run_hf(server, home, "download", "admin/named", "note.txt", "--revision", "fresh")
    refused = run_hf(server, home, "repos", "branch", "delete", "admin/named", "main", fails=True)
    assert "Cannot delete refs/heads/main" in refused
