"""Adapters that become versions by a tag of the real client: admitted or refused, found, withdrawn, never changed."""

from __future__ import annotations

from pathlib import Path

from tests.contract.client import run_python
from tests.registry.folders import BASE, front_matter, write_adapter
from tests.support.hub import HubServer

CARD = front_matter(
    base_model=BASE, pipeline_tag="text-classification", license="mit", labels=["card", "loan", "other"]
)
PRELUDE = """
import hashlib, io, logging, os, sys
from pathlib import Path
import httpx2, rfc8785
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
api, name, folder = HfApi(), sys.argv[1], Path(sys.argv[2])
http = httpx2.Client(base_url=os.environ["HF_ENDPOINT"], headers={"Authorization": "Bearer " + os.environ["HF_TOKEN"]})
here = f"/api/models/{name}"

def refused(status, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except HfHubHTTPError as raised:
        assert raised.response.status_code == status, raised
        return str(raised)
    raise SystemExit(f"{call.__name__} {arguments} {named} was accepted")

def ask(method, path, status=200, **named):
    answer = http.request(method, path, **named)
    assert answer.status_code == status, (answer.status_code, answer.text)
    return answer.json()

def head(path, revision):
    return api.get_hf_file_metadata(url=hf_hub_url(name, path, revision=revision))

def upload(**files):
    added = [CommitOperationAdd(path.replace("__", "."), data) for path, data in files.items()]
    return api.create_commit(name, added, commit_message="change").oid

def publish(number, text):
    readme = (folder / "README.md").read_text() + text
    oid = upload(README__md=readme.encode())
    api.create_tag(name, tag=number, revision=oid)
    return oid

api.create_repo(name)
first = api.upload_folder(repo_id=name, folder_path=folder).oid
"""

LIFE = (
    PRELUDE
    + """
api.create_tag(name, tag="1.0.0")
[version] = ask("GET", here + "/versions")
assert version["number"] == "1.0.0" and version["commit"] == first and version["author"] == "admin", version
assert version["derived"] is True and version["signed"] is False and version["status"] == "active"
full = ask("GET", here + "/versions/1.0.0")
assert "sha256:" + hashlib.sha256(rfc8785.dumps(full["manifest"])).hexdigest() == version["digest"]
assert [one["path"] for one in full["manifest"]["files"]] == [
    "README.md", "adapter_config.json", "adapter_model.safetensors"]
assert ask("GET", here + "/versions/" + version["digest"]) == full
assert snapshot_download(name, revision="1.0.0").endswith(first)

# For good: the same tag again is a conflict, whatever it is on; deleting it is refused.
refused(409, api.create_tag, name, tag="1.0.0")
other = upload(README__md=(folder / "README.md").read_bytes() + b"more")
assert "exists with other content" in refused(409, api.create_tag, name, tag="1.0.0")
assert "cannot be moved or deleted" in refused(403, api.delete_tag, name, tag="1.0.0")
assert "would hide it" in refused(403, api.create_branch, name, branch="1.0.0", exist_ok=True)
api.super_squash_history(name)
assert api.model_info(name, revision="1.0.0").sha == first

# Plain tags: not SemVer, or not strict.
for tag in ("v1.0.0", "1.0", "first"):
    api.create_tag(name, tag=tag)
    api.delete_tag(name, tag=tag)
api.create_tag(name, tag="v2.0.0")
assert len(ask("GET", here + "/versions")) == 1

# Numbers are ordered as SemVer says.
for number in ("1.10.0", "1.9.0", "2.0.0-rc.1"):
    publish(number, number)
assert [one["number"] for one in ask("GET", here + "/versions")] == ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.0.0"]

def means(selector):
    return ask("GET", "/api/resolve", params={"reference": name + selector})["number"]

assert (means(""), means("@~1.9"), means("@2.0.0-rc.1")) == ("1.10.0", "1.9.0", "2.0.0-rc.1")
assert means("@" + version["digest"]) == "1.0.0"
ask("GET", "/api/resolve", 404, params={"reference": name + "@^3"})
ask("GET", "/api/resolve", 400, params={"reference": "nothing"})
log = ask("GET", "/api/audit", params={"repository": name})
assert [one["action"] for one in log if "refused" in one["action"]] == ["delete-refused", "publish-refused"]
print("done")
"""
)

REFUSALS = (
    PRELUDE
    + """
def refusal(tag="1.0.0", **files):
    return refused(422, api.create_tag, name, tag=tag, revision=upload(**files))

card = (folder / "README.md").read_bytes()
assert "training_args.bin: may hold code" in refusal(training_args__bin=b"x")
api.delete_file("training_args.bin", name)
assert "notes.txt: is not a file of an adapter" in refusal(notes__txt=b"x")
api.delete_file("notes.txt", name)
assert "licence" in refusal(README__md=card.replace(b"license", b"licence"))
upload(README__md=card)
assert "manifest.json" in refusal(manifest__json=b"{}")
api.delete_file("manifest.json", name)
config = (folder / "adapter_config.json").read_bytes()
said = refusal(adapter_config__json=config.replace(b'"r": 4', b'"r": 5'))
assert "lora_A" in said, said
upload(adapter_config__json=config)
assert "build metadata" in refused(400, api.create_tag, name, tag="1.0.0+cpu")
api.create_branch(name, branch="1.0.0")
assert "would hide" in refusal(LICENSE=b"MIT")
api.delete_branch(name, branch="1.0.0")
log = [one for one in ask("GET", "/api/audit", params={"repository": name}) if one["action"] == "publish-refused"]
assert len(log) == 6 and {one["subject"] for one in log} == {"1.0.0"} and {one["actor"] for one in log} == {"admin"}
assert any("notes.txt" in one["detail"] for one in log)
assert api.list_repo_refs(name).tags == [] and ask("GET", here + "/versions") == []
api.create_tag(name, tag="1.0.0")
assert api.repo_exists(name) and len(ask("GET", here + "/versions")) == 1
api.create_repo(name, repo_type="dataset")
api.upload_folder(repo_id=name, folder_path=folder, repo_type="dataset")
api.create_tag(name, tag="1.0.0", repo_type="dataset")
api.delete_tag(name, tag="1.0.0", repo_type="dataset")
print("done")
"""
)

ALIASES = (
    PRELUDE
    + """
api.create_tag(name, tag="1.0.0")
second = publish("1.1.0", "more")
there = here + "/alias/production"
ask("GET", there, 404)
ask("PUT", there, 412, json={"version": "1.0.0", "expect": "1.1.0"})
ask("PUT", there, 422, json={"version": "1.0.0"})
ask("PUT", there, json={"version": "1.0.0", "expect": None})
moved = ask("PUT", there, json={"version": "1.1.0", "expect": "1.0.0"})
assert (moved["version"], moved["previous"], moved["author"]) == ("1.1.0", "1.0.0", "admin")
conflict = ask("PUT", there, 412, json={"version": "1.0.0", "expect": "1.0.0"})
assert conflict["code"] == "alias-conflict" and "is 1.1.0" in conflict["error"]
ask("PUT", there, 404, json={"version": "9.9.9", "expect": "1.1.0"})
assert [(one["previous"], one["version"]) for one in ask("GET", there)] == [("1.0.0", "1.1.0"), (None, "1.0.0")]
assert ask("GET", "/api/resolve", params={"reference": name + "@production"})["commit"] == second
assert ask("GET", here + "/refs")["aliases"] == [
    {"name": "production", "ref": "refs/aliases/production", "targetCommit": second, "version": "1.1.0"}]

# A revision like any other, but for commits.
assert api.model_info(name, revision="production").sha == second
assert second in hf_hub_download(name, "adapter_config.json", revision="production")
added = {"path_or_fileobj": b"MIT", "path_in_repo": "LICENSE", "repo_id": name}
assert "production is an alias" in refused(400, api.upload_file, revision="production", **added)

# One text, one meaning.
for call, named in ((api.create_branch, {"branch": "production"}), (api.create_tag, {"tag": "production"})):
    assert "is an alias of" in refused(400, call, name, exist_ok=True, **named)
api.create_branch(name, branch="dev")
api.create_tag(name, tag="stable")
for taken in ("dev", "stable"):
    ask("PUT", f"{here}/alias/{taken}", 409, json={"version": "1.0.0", "expect": None})
for bad in ("latest", "main", "1.0.0", "^1", "1.x"):
    ask("PUT", f"{here}/alias/{bad}", 400, json={"version": "1.0.0", "expect": None})

# A repository that moves takes them with it, and is found by its old name.
mark = ask("GET", "/api/changes")["mark"]
api.move_repo(name, name + "-moved")
assert len(ask("GET", here + "/versions")) == 2
assert ask("GET", "/api/resolve", params={"reference": name + "@production"})["repository"] == name + "-moved"
ask("PUT", there, json={"version": "1.0.0", "expect": "1.1.0"})
assert hf_hub_download(name, "adapter_config.json", revision="production").split("/")[-2] == first
assert {name, name + "-moved"} <= set(ask("GET", "/api/changes", params={"since": mark})["repositories"])
print("done")
"""
)

WITHDRAWALS = (
    PRELUDE
    + """
api.create_tag(name, tag="1.0.0")
second, third = publish("1.1.0", "two"), publish("1.2.0", "three")
ask("PUT", here + "/alias/production", json={"version": "1.2.0", "expect": None})
mark = ask("GET", here + "/changes")["mark"]
assert ask("GET", here + "/changes", params={"since": mark}) == {"mark": mark, "repositories": []}
ask("POST", here + "/versions/1.2.0/yank", 422, json={"reason": " "})
yanked = ask("POST", here + "/versions/1.2.0/yank", json={"reason": "labels are swapped"})
assert (yanked["status"], yanked["reason"]) == ("yanked", "labels are swapped")
assert ask("GET", "/api/resolve", params={"reference": name})["number"] == "1.1.0"
heard = io.StringIO()
logging.getLogger("huggingface_hub").addHandler(logging.StreamHandler(heard))
snapshot_download(name, revision="production")
assert heard.getvalue() == "production is yanked: labels are swapped\\n", heard.getvalue()
ask("POST", here + "/versions/1.2.0/revoke", json={"reason": "leaks names"})
for revision in ("1.2.0", "production", "refs/tags/1.2.0"):
    for call in (api.model_info, api.list_repo_files):
        assert "leaks names" in refused(403, call, name, revision=revision)
    assert "leaks names" in refused(403, head, "README.md", revision)
assert "leaks names" in refused(403, head, "README.md", third)
assert head("README.md", "main")  # a branch is a draft, and whoever mends it has to read it
for selector in ("@1.2.0", "@production", "@" + yanked["digest"]):
    assert "leaks names" in ask("GET", "/api/resolve", 403, params={"reference": name + selector})["error"]
ask("PUT", here + "/alias/other", 403, json={"version": "1.2.0", "expect": None})
ask("POST", here + "/versions/1.2.0/yank", 403, json={"reason": "too late"})
assert "was revoked" in refused(422, api.create_tag, name, tag="1.3.0", revision=third)
assert ask("GET", here + "/changes", params={"since": mark})["repositories"] == [name]

# Taken down: nothing of it can be read, and what other versions hold can.
down = ask("POST", here + "/versions/1.1.0/takedown", json={"reason": "a court said so"})
assert down["status"] == "revoked" and down["removed"] and down["signed"] is False
refused(451, api.model_info, name, revision="1.1.0")
assert "a court said so" in refused(451, head, "README.md", second)
assert hf_hub_download(name, "adapter_model.safetensors", revision="1.0.0")
assert ask("GET", here + "/versions/1.1.0")["manifest"]["files"]
assert [one["status"] for one in ask("GET", here + "/versions")] == ["revoked", "revoked", "active"]
print("done")
"""
)

DELETED = (
    PRELUDE
    + """
api.create_tag(name, tag="1.0.0")
draft = upload(LICENSE=b"MIT")
[version] = ask("GET", here + "/versions")
pinned = {"reference": f"{name}@{version['digest']}"}
before = ask("GET", here + "/versions/1.0.0")
api.delete_repo(name)
assert not api.repo_exists(name)
refused(409, api.create_repo, name)
for path in ("/versions", "/versions/1.0.0", "/refs", "/alias/production", "/changes"):
    ask("GET", here + path, 404)
ask("GET", "/api/resolve", 404, params={"reference": name + "@1.0.0"})
assert ask("GET", here + "/versions", params={"digest": version["digest"]}) == [version]
assert ask("GET", here + "/versions/" + version["digest"]) == before
assert ask("GET", "/api/resolve", params=pinned) == version
got = Path(snapshot_download(name, revision=version["commit"]))
assert (got / "adapter_model.safetensors").read_bytes() == (folder / "adapter_model.safetensors").read_bytes()
for revision in ("main", "1.0.0", draft, version["commit"][:12]):
    refused(404, head, "README.md", revision)
anonymous = HfApi(token=False)
assert anonymous.model_info(name, revision=version["commit"]).sha == version["commit"]
ask("POST", here + "/versions/1.0.0/takedown", json={"reason": "a court said so"})
ask("GET", "/api/resolve", 403, params=pinned)
refused(404, api.model_info, name, revision=version["commit"])
print("done")
"""
)


def adapter(tmp_path: Path) -> str:
    return str(write_adapter(tmp_path / "adapter", card=CARD))


def test_a_version_lives(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(LIFE, server, home, "admin/life", adapter(tmp_path)) == "done\n"


def test_a_version_that_arrives_by_xet(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(LIFE, server, home, "admin/life-xet", adapter(tmp_path), xet=True) == "done\n"


def test_what_no_version_may_hold_is_refused_with_the_reason(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(REFUSALS, server, home, "admin/refusals", adapter(tmp_path)) == "done\n"


def test_aliases(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(ALIASES, server, home, "admin/aliases", adapter(tmp_path)) == "done\n"


def test_withdrawals(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(WITHDRAWALS, server, home, "admin/withdrawals", adapter(tmp_path)) == "done\n"


def test_a_deleted_repository_keeps_what_was_pinned(server: HubServer, home: Path, tmp_path: Path) -> None:
    assert run_python(DELETED, server, home, "admin/deleted", adapter(tmp_path)) == "done\n"
