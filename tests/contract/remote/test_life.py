"""A version's whole life on a real server, as the client's side lives it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Follower, Registry, Version, open_registry
from registry.errors import (
    AdmissionRefused,
    AliasConflict,
    InvalidReference,
    NotAuthenticated,
    RepositoryNotFound,
    RevokedVersion,
    VersionConflict,
    VersionNotFound,
    YankedWarning,
)
from registry.finding import AdapterQuery
from registry.manifest import Manifest
from registry.notices import NoticeListener
from tests.registry.folders import BASE, FACTS, write_adapter
from tests.support.front import Front
from tests.support.hub import HubServer, free_port

Open = Callable[..., Registry]
Publish = Callable[..., Version]


def test_from_publish_to_pull_elsewhere(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry, other = opened(hub), opened(hub, "elsewhere")
    version = publish(registry, "1.0.0")
    registry.alias(name, "production", "1.0.0", expect=None)
    assert other.resolve(f"{name}@production") == version == other.resolve(name) == other.resolve(f"{name}@^1")
    folder = other.pull(f"{name}@production")
    assert Manifest.read(folder).digest == version.digest
    assert sorted(file.name for file in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "manifest.json",
    ]
    shown = other.show(name)
    assert (shown.version, shown.aliases, shown.derived) == (version, ["production"], False)
    assert other.versions(name) == [version]


def test_the_same_again_is_no_error_and_sends_nothing(hub: Front, opened: Open, publish: Publish) -> None:
    version = publish(opened(hub), "1.0.0")
    hub.seen.clear()
    assert publish(opened(hub), "1.0.0") == version
    assert hub.asked("POST") == []


def test_other_content_under_the_same_number_is_a_conflict(hub: Front, opened: Open, publish: Publish) -> None:
    registry = opened(hub)
    publish(registry, "1.0.0")
    with pytest.raises(VersionConflict, match="other content"):
        publish(registry, "1.0.0", seed=1)


def test_what_cannot_be_a_version_is_refused_before_anything_is_sent(
    hub: Front, opened: Open, tmp_path: Path, name: str
) -> None:
    with pytest.raises(AdmissionRefused, match="base"):
        opened(hub).publish(write_adapter(tmp_path / "a", {"peft_type": "LORA"}), name, "1.0.0")
    assert hub.seen == []


def test_a_card_that_the_hub_does_not_accept(hub: Front, opened: Open, tmp_path: Path, name: str) -> None:
    folder = write_adapter(tmp_path / "a", card="---\nmodel-index: not a list\n---\n")
    with pytest.raises(AdmissionRefused, match="does not accept"):
        opened(hub).publish(folder, name, "1.0.0", facts=FACTS)


def test_a_version_holds_its_own_files_only(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(hub)
    api = registry.endpoint.api  # type: ignore[attr-defined]
    api.create_repo(name)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="optimizer.pt", repo_id=name)
    version = publish(registry, "1.0.0")
    assert "optimizer.pt" not in api.list_repo_files(name, revision=version.commit)
    assert ".gitattributes" in api.list_repo_files(name, revision=version.commit)


def test_a_version_that_a_stock_client_tagged_is_derived_by_the_server(
    hub: Front, opened: Open, name: str, tmp_path: Path
) -> None:
    registry = opened(hub)
    api = registry.endpoint.api  # type: ignore[attr-defined]
    card = "---\npipeline_tag: text-classification\nlicense: mit\n---\n"
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=write_adapter(tmp_path / "a", card=card))
    api.create_tag(name, tag="2.0.0")
    version = registry.resolve(f"{name}@2.0.0")
    assert Manifest.read(registry.pull(version)).digest == version.digest
    assert registry.show(name).derived


def test_an_alias_moves_by_compare_and_set(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(hub)
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    with pytest.raises(AliasConflict):
        registry.alias(name, "production", "1.1.0", expect="1.1.0")
    assert registry.alias(name, "production", "1.1.0", expect="1.0.0").previous == "1.0.0"
    assert [one.version for one in registry.alias_history(name, "production")] == ["1.1.0", "1.0.0"]
    with pytest.raises(InvalidReference):
        registry.alias(name, "latest", "1.0.0", expect=None)


def test_yanked_is_passed_over_and_revoked_is_refused_everywhere(
    hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    registry, other = opened(hub), opened(hub, "elsewhere")
    old, new = publish(registry, "1.0.0"), publish(registry, "1.1.0", seed=1)
    for version in (old, new):
        other.pull(version)
    registry.yank(f"{name}@1.1.0", "slow")
    assert other.resolve(name) == old
    with pytest.warns(YankedWarning, match="slow"):
        assert other.resolve(f"{name}@1.1.0").status == "yanked"
    assert registry.revoke(f"{name}@1.1.0", "leaks names").status == "revoked"
    for ask in (
        lambda: other.resolve(f"{name}@1.1.0"),
        lambda: other.resolve(f"{name}@{new.digest}"),
        lambda: other.pull(new),
        lambda: other.pull(f"{name}@{new.digest}"),
    ):
        with pytest.raises(RevokedVersion, match="leaks names"):
            ask()
    assert other.show(f"{name}@1.1.0").version.status == "revoked"
    with pytest.raises(AdmissionRefused, match="revoked"):
        publish(registry, "1.2.0", seed=1)


def test_what_is_not_there(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(hub)
    with pytest.raises(RepositoryNotFound):
        registry.resolve(name)
    publish(registry, "1.0.0")
    with pytest.raises(VersionNotFound):
        registry.resolve(f"{name}@2.0.0")
    with pytest.raises(InvalidReference):
        registry.resolve("no name")


def test_without_a_token_nothing_is_published(
    hub: Front, opened: Open, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(NotAuthenticated):
        publish(opened(hub), "1.0.0")
    with pytest.raises(NotAuthenticated):
        publish(opened(hub, token="ahub_wrong"), "1.0.0")


def test_a_second_pull_fetches_nothing_and_asks_once(hub: Front, opened: Open, publish: Publish) -> None:
    registry = opened(hub)
    version = publish(registry, "1.0.0")
    registry.pull(version)
    hub.seen.clear()
    registry.pull(version)
    assert len(hub.seen) == 1 and hub.asked("/resolve/") == []


def test_a_follower_obeys_a_move_and_a_revocation(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry, follower = opened(hub), Follower(opened(hub, "elsewhere"))
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    follower.follow(f"{name}@production")
    follower.refresh()
    hub.seen.clear()
    follower.refresh()
    assert [one.partition("?")[0] for one in hub.seen] == ["GET /api/changes"], "an unchanged name costs one request"
    registry.alias(name, "production", "1.1.0", expect="1.0.0")
    follower.refresh()
    assert follower.version(f"{name}@production").version == "1.1.0"
    registry.revoke(f"{name}@1.1.0", "leaks names")
    follower.refresh()
    with pytest.raises(RevokedVersion, match="leaks names"):
        follower.version(f"{name}@production")


def test_a_webhook_wakes_a_follower(
    online: None, opened: Open, publish: Publish, name: str, private_hub: HubServer
) -> None:
    registry = opened(private_hub, token=private_hub.token)
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    follower = Follower(opened(private_hub, "elsewhere", token=private_hub.token), interval=600)
    follower.follow(f"{name}@production")
    port = free_port()
    hook = {"url": f"http://127.0.0.1:{port}/", "events": ["alias.moved"]}
    secret = registry.endpoint.post("namespaces", "admin", "webhooks", body=hook)["secret"]  # type: ignore[attr-defined]
    with follower, NoticeListener([secret], lambda notice: follower.nudge(), port=port):
        registry.alias(name, "production", "1.1.0", expect="1.0.0")
        _until(lambda: follower.version(f"{name}@production").version == "1.1.0")


def test_listing_and_searching(hub: Front, opened: Open, publish: Publish, name: str, tmp_path: Path) -> None:
    registry = opened(hub)
    version = publish(registry, "1.0.0")
    registry.alias(name, "production", "1.0.0", expect=None)
    (listed,) = [one for one in registry.list(base=BASE, task="text-classification") if one.repository == name]
    assert (listed.latest, listed.versions, dict(listed.aliases)) == (version, 1, {"production": "1.0.0"})
    assert name not in [one.repository for one in registry.list(task="token-classification")]
    (found,) = registry.search(AdapterQuery(search=name, labels=("card", "loan"), min_rank=4))
    assert (found.repository, found.digest, found.facts.rank) == (name, version.digest, 4)
    assert registry.search(AdapterQuery(search=name, min_rank=5)) == []
    for number in range(3):
        registry.publish(write_adapter(tmp_path / f"more-{number}"), f"{name}-{number}", "1.0.0", facts=FACTS)
    assert len(registry.search(AdapterQuery(search=name), limit=3)) == 3
    assert len(registry.search(AdapterQuery(search=name), limit=50)) == 4


def test_publishers_at_once_all_arrive(hub: Front, opened: Open, tmp_path: Path, name: str) -> None:
    registry = opened(hub)
    failures: list[BaseException] = []

    def publish(number: int) -> None:
        try:
            folder = write_adapter(tmp_path / f"by-{number}", seed=number)
            registry.publish(folder, name, f"1.{number}.0", facts=FACTS)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [one.version for one in registry.versions(name)] == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    for version in registry.versions(name):
        assert Manifest.read(registry.pull(version)).digest == version.digest


def test_hf_is_the_endpoint_that_the_environment_names(online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.example.org")
    assert "https://hub.example.org" in repr(open_registry("hf"))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in 20 seconds"
        time.sleep(0.05)
