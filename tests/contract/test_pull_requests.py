"""Discussions and pull requests by huggingface_hub's own API and command line, and the Hub's smaller endpoints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer, client_environment

DISCUSS = """
import sys, warnings
from huggingface_hub import CommitOperationAdd, HfApi
api, name = HfApi(), sys.argv[1]
api.create_repo(name)
talk = api.create_discussion(name, "A question", description="why?")
assert (talk.num, talk.status, talk.is_pull_request, talk.author) == (1, "open", False, "admin"), talk
assert talk.diff is None and talk.url == f"{api.endpoint}/{name}/discussions/1"
comment = api.comment_discussion(name, 1, "because")
edited = api.edit_discussion_comment(name, 1, comment.id, "because of that")
assert (edited.id, edited.edited, edited.content, edited.number_of_edits) == (comment.id, True, "because of that", 1)
assert edited.last_edited_by == "admin" and edited.last_edited_at >= comment.created_at and edited.rendered
warnings.simplefilter("ignore")
assert api.hide_discussion_comment(name, 1, comment.id).hidden
assert api.rename_discussion(name, 1, "An answer").new_title == "An answer"
assert api.change_discussion_status(name, 1, "closed", comment="done").new_status == "closed"
assert [type(one).__name__ for one in api.get_discussion_details(name, 1).events] == [
    "DiscussionComment", "DiscussionComment", "DiscussionTitleChange", "DiscussionComment", "DiscussionStatusChange"]

first = api.create_commit(name, [CommitOperationAdd("a.txt", b"a\\n")], commit_message="one")
info = api.create_commit(name, [CommitOperationAdd("a.txt", b"A\\n")], commit_message="two",
                         commit_description="more", create_pr=True)
assert (info.pr_num, info.pr_revision) == (2, "refs/pr/2"), info
api.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id=name, revision=info.pr_revision)
details = api.get_discussion_details(name, 2)
assert (details.status, details.target_branch, details.conflicting_files) == ("open", "refs/heads/main", False)
assert "-a\\n+A\\n" in details.diff and "+++ b/b.txt" in details.diff
assert [one.type for one in details.events] == ["comment", "commit", "commit"]
api.merge_pull_request(name, 2, comment="thanks")
details = api.get_discussion_details(name, 2)
assert details.status == "merged" and details.merge_commit_oid == api.model_info(name).sha
assert sorted(api.list_repo_files(name)) == [".gitattributes", "a.txt", "b.txt"]

draft = api.create_pull_request(name, "to come")
assert (draft.num, draft.status, draft.git_reference) == (3, "draft", "refs/pr/3")
api.change_discussion_status(name, 3, "open")
api.merge_pull_request(name, 3)
assert [(one.num, one.status) for one in api.get_repo_discussions(name)] == [
    (3, "merged"), (2, "merged"), (1, "closed")]
assert [one.num for one in api.get_repo_discussions(name, discussion_type="discussion")] == [1]
assert not list(api.get_repo_discussions(name, discussion_status="open"))
print("done")
"""

FOLDER = """
import sys, pathlib
from huggingface_hub import HfApi
api, name, root = HfApi(), sys.argv[1], pathlib.Path(sys.argv[2])
api.create_repo(name)
for number in range(300):
    (root / f"{number}.txt").write_text(str(number))
info = api.upload_folder(folder_path=root, repo_id=name, create_pr=True, commit_message="many")
assert info.pr_num == 1, info
events = [one.type for one in api.get_discussion_details(name, 1).events]
assert events.count("commit") == int(sys.argv[3]), events
assert len(api.list_repo_files(name, revision="refs/pr/1")) == 301
if api.get_discussion_details(name, 1).status == "draft":
    api.change_discussion_status(name, 1, "open")
api.merge_pull_request(name, 1)
assert len(api.list_repo_files(name)) == 301
print("done")
"""

SMALL = """
import sys, warnings
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session
api, name = HfApi(), sys.argv[1]
api.create_repo(name)

api._validate_yaml("---\\nlicense: mit\\n---\\n# hello")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    api._validate_yaml("# hello")
assert "empty or missing" in str(caught[0].message)
for wrong in ("model-index: x", "- a", "a: !!timestamp x", "a: ["):
    try:
        api._validate_yaml(f"---\\n{wrong}\\n---\\n")
        raise SystemExit(f"accepted {wrong!r}")
    except ValueError as error:
        assert "Invalid metadata" in str(error), error
ModelCard("---\\nlicense: mit\\n---\\n# hello").validate()

get_session().post(f"{api.endpoint}/api/models/{name}/like", headers=api._build_hf_headers()).raise_for_status()
assert [one.username for one in api.list_repo_likers(name)] == ["admin"]
assert name in api.list_liked_repos().models and api.model_info(name).likes == 1
api.unlike(name)
assert api.list_liked_repos().total == 0 and api.model_info(name).likes == 0

api.create_commit(name, [CommitOperationAdd("a.txt", b"abc")], commit_message="one")
copy = api.duplicate_repo(name, f"{name}-copy", exist_ok=True)
assert copy.repo_id == f"{name}-copy" and api.list_repo_files(copy.repo_id) == [".gitattributes", "a.txt"]
assert api.duplicate_repo(name, f"{name}-copy", exist_ok=True).repo_id == copy.repo_id
try:
    api.duplicate_repo(name, f"{name}-copy")
    raise SystemExit("a name was given twice")
except HfHubHTTPError as error:
    assert error.response.status_code == 409
used = {one.id: one for one in api.list_user_repos()}
assert used[name].visibility == "public" and used[name].storage > 3
assert list(api.list_lfs_files(name)) == []
assert get_session().get(api.endpoint).json()["name"] == "adapterhub"
assert get_session().get(f"{api.endpoint}/{name}", follow_redirects=True).json()["id"] == name
print("done")
"""


def hf(server: HubServer, home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments],
        env=client_environment(server, home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_api_discusses_and_merges(server: HubServer, home: Path) -> None:
    assert run_python(DISCUSS, server, home, "admin/discussed").endswith("done\n")


@pytest.mark.parametrize("xet", [False, True])
def test_a_folder_becomes_one_pull_request(server: HubServer, home: Path, tmp_path: Path, xet: bool) -> None:
    """Without hf_xet in one commit; with it the client opens a draft first, and commits to it several times."""
    folder = tmp_path / "folder"
    folder.mkdir()
    commits = "2" if xet else "1"
    assert run_python(FOLDER, server, home, f"admin/folder-{xet}", str(folder), commits, xet=xet).endswith("done\n")


def test_the_command_line_discusses_and_merges(server: HubServer, home: Path) -> None:
    hf(server, home, "repos", "create", "admin/talked")
    hf(server, home, "discussions", "create", "admin/talked", "--title", "A question", "--body", "why?")
    hf(server, home, "discussions", "comment", "admin/talked", "1", "--body", "because")
    hf(server, home, "discussions", "rename", "admin/talked", "1", "An answer")
    hf(server, home, "discussions", "close", "admin/talked", "1", "--yes", "--comment", "done")
    hf(server, home, "discussions", "reopen", "admin/talked", "1", "--yes")
    assert "An answer" in hf(server, home, "discussions", "list", "admin/talked")
    file = home / "hello.txt"
    file.write_text("hello\n")
    sent = hf(server, home, "upload", "admin/talked", str(file), "--create-pr", "--commit-message", "hello")
    assert f"{server.url}/admin/talked/" in sent
    assert "+hello" in hf(server, home, "discussions", "diff", "admin/talked", "2")
    hf(server, home, "discussions", "merge", "admin/talked", "2", "--yes")
    assert "hello" in hf(server, home, "discussions", "list", "admin/talked", "--status", "merged")
    assert "merged" in hf(server, home, "discussions", "info", "admin/talked", "2", "--format", "json")


def test_the_api_does_the_small_things(server: HubServer, home: Path) -> None:
    assert run_python(SMALL, server, home, "admin/small").endswith("done\n")
