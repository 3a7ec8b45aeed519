"""Listings as huggingface_hub asks for them, on both databases, with real pages."""

from __future__ import annotations

import json
from pathlib import Path

from tests.contract.client import run_hf, run_python
from tests.support.hub import HubServer

LISTED = """
from huggingface_hub import CommitOperationAdd, HfApi
api = HfApi()
for number in range(5):
    name = f"admin/listed-{number}"
    api.create_repo(name, private=number == 4)
    card = f"---\\nlicense: mit\\ntags: [Listed, n{number % 2}]\\nlanguage: en\\nbase_model: Acme/Base\\n"
    card += "library_name: peft\\npipeline_tag: text-classification\\n---\\n# A model\\n"
    added = [CommitOperationAdd("README.md", card.encode()), CommitOperationAdd("a.txt", b"a")]
    api.create_commit(name, added, commit_message="card")
names = [f"admin/listed-{number}" for number in (4, 3, 2, 1, 0)]

def ids(**query):
    return [one.id for one in api.list_models(search="admin/LISTED", **query)]

assert ids() == ids(sort="last_modified") == ids(sort="created_at") == names, ids()
assert set(ids(sort="downloads")) == set(ids(sort="likes")) == set(ids(sort="trending_score")) == set(names)
assert ids(filter=["listed", "n1"]) == names[1::2]
assert ids(filter="base_model:adapter:acme/base", pipeline_tag="text-classification", author="admin") == names
assert ids(filter="nothing") == ids(author="somebody") == ids(gated=True) == []
assert ids(gated=False, limit=2) == names[:2]
assert [one.id for one in api.list_models(search="admin/listed", token=False)] == names[1:]
full = next(iter(api.list_models(search="listed-3", full=True, cardData=True, fetch_config=True)))
assert [one.rfilename for one in full.siblings] == [".gitattributes", "README.md", "a.txt"], full.siblings
assert (full.card_data.license, full.library_name, full.sha) == ("mit", "peft", api.model_info(full.id).sha)
some = next(iter(api.list_models(search="listed-3", expand=["downloads", "tags", "sha"])))
assert some.tags == api.model_info(some.id).tags and "base_model:Acme/Base" in some.tags
assert some.downloads == 0 and some.sha == full.sha and some.created_at is None
assert list(api.list_datasets(search="admin/listed")) == []
api.create_repo("admin/listed-data", repo_type="dataset")
card = b"---\\ntask_categories: [text-classification]\\nlanguage: [en]\\n---\\n"
api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id="admin/listed-data", repo_type="dataset")
found = api.list_datasets(task_categories="text-classification", language="en", search="listed", dataset_name="data")
assert [one.id for one in found] == ["admin/listed-data"]
assert "license:mit" in [tag["id"] for tag in api.get_model_tags()["license"]]
print("done")
"""
PAGES = """
from huggingface_hub import HfApi
api = HfApi()
for number in range(205):
    api.create_repo(f"admin/paged-{number}")
seen = [one.id for one in api.list_models(search="admin/paged-")]
assert seen == [f"admin/paged-{number}" for number in range(204, -1, -1)], len(seen)
print("done")
"""


def test_models_and_data_sets_are_listed(server: HubServer, home: Path) -> None:
    assert run_python(LISTED, server, home).endswith("done\n")


def test_all_pages_are_followed(server: HubServer, home: Path) -> None:
    assert run_python(PAGES, server, home).endswith("done\n")


def test_hf_lists_models(server: HubServer, home: Path) -> None:
    run_hf(server, home, "repos", "create", "admin/hf-listed")
    found = run_hf(server, home, "models", "list", "--search", "hf-LISTED", "--sort", "downloads", "--format", "json")
    assert [one["id"] for one in json.loads(found)] == ["admin/hf-listed"]
    assert "cannot filter by inference" in run_hf(server, home, "models", "list", "--warm", fails=True)


def test_all_facts_are_made_again(server: HubServer, home: Path) -> None:
    run_python("from huggingface_hub import HfApi; HfApi().create_repo('admin/indexed')", server, home)
    assert "indexed again" in server.command("reindex")
    found = run_hf(server, home, "models", "list", "--search", "admin/indexed", "--format", "json")
    assert [one["id"] for one in json.loads(found)] == ["admin/indexed"]
