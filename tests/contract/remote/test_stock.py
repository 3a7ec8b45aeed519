"""A Hub without this project's endpoints, as huggingface.co is one: tags are versions, branches are aliases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Follower, Registry, Version
from registry.errors import (
    AdmissionRefused,
    AliasConflict,
    AliasNotFound,
    CorruptBlob,
    NotPermitted,
    UnsupportedRegistry,
    VersionConflict,
    VersionNotFound,
)
from registry.finding import AdapterQuery
from registry.manifest import Manifest
from registry.protocol import Changes
from tests.registry.folders import BASE, FACTS, write_adapter
from tests.support.front import Answer, Front

Open = Callable[..., Registry]
Publish = Callable[..., Version]


def test_from_publish_to_pull_elsewhere(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry, other = opened(stock), opened(stock, "elsewhere")
    old, new = publish(registry, "1.0.0"), publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    assert other.resolve(f"{name}@production") == old == other.resolve(f"{name}@{old.digest}")
    assert other.resolve(name) == new == other.resolve(f"{name}@>=1.1")
    assert other.versions(name) == [new, old]
    assert Manifest.read(other.pull(f"{name}@production")).digest == old.digest
    shown = other.show(f"{name}@1.0.0")
    assert (shown.version, shown.aliases, shown.derived) == (old, ["production"], False)


def test_an_alias_is_looked_at_before_it_is_moved(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    with pytest.raises(AliasConflict, match=r"is 1\.0\.0, not absent") as refused:
        registry.alias(name, "production", "1.1.0", expect=None)
    assert "two steps" in refused.value.hint
    assert registry.alias(name, "production", "1.1.0", expect="1.0.0").previous == "1.0.0"
    assert registry.resolve(f"{name}@production").version == "1.1.0"


def test_a_branch_that_names_no_version_is_no_alias(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    version = publish(registry, "1.0.0")
    api = registry.endpoint.api  # type: ignore[attr-defined]
    first = api.list_repo_commits(name)[-1].commit_id
    assert first != version.commit
    api.create_branch(name, branch="work", revision=first)
    with pytest.raises(AliasNotFound):
        registry.resolve(f"{name}@work")
    with pytest.raises(AliasConflict, match="names no version"):
        registry.alias(name, "work", "1.0.0", expect=None)


def test_what_such_a_hub_cannot_do(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    publish(registry, "1.0.0")
    for ask in (
        lambda: registry.yank(f"{name}@1.0.0", "slow"),
        lambda: registry.revoke(f"{name}@1.0.0", "leaks"),
        lambda: registry.alias_history(name, "production"),
        lambda: registry.list(),
    ):
        with pytest.raises(UnsupportedRegistry, match=stock.url):
            ask()
    assert registry.changes(None) == Changes(0, None)


def test_publishing_again(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    version = publish(registry, "1.0.0")
    assert publish(opened(stock, "elsewhere"), "1.0.0") == version
    with pytest.raises(VersionConflict, match="other content"):
        publish(registry, "1.0.0", seed=1)


def test_a_tag_of_no_adapter_is_no_version(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    publish(registry, "1.0.0")
    api = registry.endpoint.api  # type: ignore[attr-defined]
    api.create_tag(name, tag="9.0.0", revision=api.list_repo_commits(name)[-1].commit_id)
    assert registry.resolve(name).version == "1.0.0"
    with pytest.raises(VersionNotFound):
        registry.resolve(f"{name}@9.0.0")
    assert [one.version for one in registry.versions(name)] == ["1.0.0"]


def test_a_version_without_a_manifest_is_derived_from_its_files(
    stock: Front, opened: Open, tmp_path: Path, name: str
) -> None:
    registry = opened(stock)
    api = registry.endpoint.api  # type: ignore[attr-defined]
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=_with_card(tmp_path / "a"))
    api.create_tag(name, tag="1.0.0")
    version = registry.resolve(f"{name}@1.0.0")
    manifest = Manifest.read(registry.pull(version))
    assert (manifest.digest, manifest.task.name, manifest.licence) == (version.digest, "text-classification", "mit")
    assert registry.show(name).derived


def test_a_version_that_says_too_little_is_refused_with_what_is_missing(
    stock: Front, opened: Open, tmp_path: Path, name: str
) -> None:
    registry = opened(stock)
    api = registry.endpoint.api  # type: ignore[attr-defined]
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=write_adapter(tmp_path / "a"))
    stock.change = _tagged("1.0.0", api.model_info(name).sha)
    with pytest.raises(AdmissionRefused, match="task"):
        registry.resolve(f"{name}@1.0.0")
    assert registry.versions(name) == []


def test_a_tag_that_moved_is_noticed(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    publish(registry, "1.0.0")
    other = publish(registry, "1.1.0", seed=1)
    stock.change = _tagged("1.0.0", other.commit)
    with pytest.raises(CorruptBlob, match="A version never changes"):
        registry.resolve(f"{name}@1.0.0")


def test_a_follower_works_by_listing_refs(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry, follower = opened(stock), Follower(opened(stock, "elsewhere"))
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    follower.follow(f"{name}@production")
    stock.seen.clear()
    follower.refresh()
    assert stock.seen == [f"GET /api/models/{name}/refs"], "an unchanged name costs one request"
    registry.alias(name, "production", "1.1.0", expect="1.0.0")
    follower.refresh()
    assert follower.version(f"{name}@production").version == "1.1.0"


def test_versions_that_were_seen_cost_one_request(stock: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(stock)
    version = registry.pull(publish(registry, "1.0.0"))
    stock.seen.clear()
    assert registry.pull(f"{name}@1.0.0") == version
    assert stock.seen == [f"GET /api/models/{name}/refs"]


def test_a_folder_published_with_facts_needs_nothing_more(
    stock: Front, opened: Open, tmp_path: Path, name: str
) -> None:
    registry = opened(stock)
    version = registry.publish(write_adapter(tmp_path / "a"), name, "1.0.0", facts=FACTS)
    manifest = Manifest.read(opened(stock, "elsewhere").pull(version))
    assert manifest.labels == FACTS.labels


def test_listing_and_searching(stock: Front, opened: Open, tmp_path: Path, name: str) -> None:
    registry = opened(stock)
    card = f"---\npipeline_tag: text-classification\nlicense: mit\nlibrary_name: peft\nbase_model: {BASE}\n---\n"
    version = registry.publish(write_adapter(tmp_path / "a", card=card), name, "1.0.0", facts=FACTS)
    (listed,) = [one for one in registry.list(base=BASE, task="text-classification") if one.repository == name]
    assert (listed.latest, listed.versions) == (version, 1)
    (found,) = registry.search(AdapterQuery(search=name, base=BASE, task="text-classification", licence="mit"))
    assert (found.repository, found.version, found.digest) == (name, "1.0.0", version.digest)
    assert tuple(found.facts.labels) == FACTS.labels
    assert registry.search(AdapterQuery(search=name, licence="apache-2.0")) == []
    for query in (AdapterQuery(labels=("card",)), AdapterQuery(min_rank=1), AdapterQuery(metric="f1")):
        with pytest.raises(UnsupportedRegistry, match="knows nothing"):
            registry.search(query)


def test_a_version_that_is_not_shown_ends_no_listing(
    hub: Front, stock: Front, opened: Open, tmp_path: Path, name: str
) -> None:
    owner, registry = opened(hub, "owner"), opened(stock)
    old = owner.publish(_with_card(tmp_path / "a"), name, "1.0.0", facts=FACTS)
    owner.publish(write_adapter(tmp_path / "b", seed=1), name, "1.1.0", facts=FACTS)
    owner.revoke(f"{name}@1.1.0", "leaks names")
    assert [one.version for one in registry.versions(name)] == [old.version]
    (listed,) = [one for one in registry.list(task="text-classification") if one.repository == name]
    assert (listed.latest, listed.versions) == (None, 2)
    assert registry.search(AdapterQuery(search=name)) == []
    owner.revoke(f"{name}@1.0.0", "leaks names")
    with pytest.raises(NotPermitted, match="leaks names"):
        opened(stock, "elsewhere").versions(name)


def _with_card(folder: Path) -> Path:
    return write_adapter(folder, card="---\npipeline_tag: text-classification\nlicense: mit\n---\n")


def _tagged(tag: str, commit: str) -> Callable[[Answer], Answer]:
    """Makes a Hub say that a tag names another commit than it does, as where somebody moved it."""

    def change(answer: Answer) -> Answer:
        if answer.method != "GET" or not answer.path.endswith("/refs"):
            return answer
        refs = json.loads(answer.body)
        refs["tags"] = [one for one in refs["tags"] if one["name"] != tag]
        refs["tags"].append({"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": commit})
        return answer.saying(json.dumps(refs).encode())

    return change
