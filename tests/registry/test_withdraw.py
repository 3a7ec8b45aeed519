"""Yank and revoke, by the verbs."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from registry import LocalRegistry
from registry.errors import (
    AdmissionRefused,
    InvalidReference,
    OnlyYanked,
    RepositoryNotFound,
    RevokedVersion,
    VersionNotFound,
    YankedWarning,
)
from tests.registry.folders import FACTS, write_adapter


@pytest.fixture
def released(registry: LocalRegistry, tmp_path: Path) -> LocalRegistry:
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        registry.publish(write_adapter(tmp_path / version, seed=seed), "acme/intent", version, facts=FACTS)
    return registry


def test_a_yanked_version_is_hidden_but_pins_still_work(released: LocalRegistry) -> None:
    yanked = released.yank("acme/intent@1.1.0", "slow")
    assert (yanked.status, yanked.reason) == ("yanked", "slow")
    assert released.resolve("acme/intent").version == released.resolve("acme/intent@^1").version == "1.0.0"
    with pytest.warns(YankedWarning, match=r"acme/intent@1\.1\.0 is yanked: slow"):
        pinned = released.resolve("acme/intent@1.1.0")
    assert pinned == yanked
    assert released.pull(pinned).is_dir()


def test_the_warning_is_given_once(released: LocalRegistry) -> None:
    released.yank("acme/intent@1.1.0", "slow")
    with pytest.warns(YankedWarning):
        released.resolve("acme/intent@1.1.0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        released.resolve("acme/intent@1.1.0")


def test_only_yanked_versions_are_left(released: LocalRegistry) -> None:
    released.yank("acme/intent@1.1.0", "slow")
    released.yank("acme/intent@1.0.0", "slow too")
    with pytest.raises(OnlyYanked, match=r"every version of acme/intent that \^1 allows is yanked: 1\.1\.0, 1\.0\.0"):
        released.resolve("acme/intent@^1")
    with pytest.raises(OnlyYanked):
        released.resolve("acme/intent")


def test_a_revoked_version_is_refused_by_every_verb_but_show(released: LocalRegistry) -> None:
    released.alias("acme/intent", "production", "1.1.0", expect=None)
    version = released.revoke("acme/intent@1.1.0", "leaks names")
    assert (version.status, version.reason) == ("revoked", "leaks names")
    for reference in ("acme/intent@1.1.0", "acme/intent@production", f"acme/intent@{version.digest}"):
        with pytest.raises(RevokedVersion, match=r"acme/intent@1\.1\.0 was revoked: leaks names"):
            released.resolve(reference)
        with pytest.raises(RevokedVersion):
            released.pull(reference)
    with pytest.raises(RevokedVersion):
        released.pull(version)
    with pytest.raises(RevokedVersion):
        released.yank("acme/intent@1.1.0", "slow")
    assert released.resolve("acme/intent").version == "1.0.0"
    assert released.show("acme/intent@1.1.0").version == version
    assert [one.status for one in released.versions("acme/intent")] == ["revoked", "active"]


def test_revoked_content_does_not_come_back(released: LocalRegistry, tmp_path: Path) -> None:
    released.revoke("acme/intent@1.1.0", "leaks names")
    for version in ("1.1.0", "1.1.1"):
        with pytest.raises(AdmissionRefused, match=r"revoked as acme/intent@1\.1\.0: leaks names"):
            released.publish(tmp_path / "1.1.0", "acme/intent", version, facts=FACTS)


def test_withdrawing_twice_keeps_the_first_reason(released: LocalRegistry) -> None:
    released.yank("acme/intent@1.0.0", "first")
    assert released.yank("acme/intent@1.0.0", "second").reason == "first"
    assert released.revoke("acme/intent@1.0.0", "third").reason == "third"
    assert released.revoke("acme/intent@1.0.0", "fourth").reason == "third"
    assert [entry.action for entry in released.audit()][:2] == ["revoke", "yank"]


@pytest.mark.parametrize("reference", ["acme/intent", "acme/intent@^1", "acme/intent@production", "acme/intent@latest"])
def test_only_exact_versions_are_withdrawn(released: LocalRegistry, reference: str) -> None:
    for verb in (released.yank, released.revoke):
        with pytest.raises(InvalidReference, match="no exact version"):
            verb(reference, "reason")


def test_a_reason_is_needed(released: LocalRegistry) -> None:
    with pytest.raises(InvalidReference, match="reason"):
        released.yank("acme/intent@1.0.0", " ")


def test_withdrawing_what_is_not_there(released: LocalRegistry) -> None:
    with pytest.raises(VersionNotFound):
        released.yank("acme/intent@9.0.0", "reason")
    with pytest.raises(RepositoryNotFound):
        released.revoke("acme/unknown@1.0.0", "reason")


def test_every_version_revoked_can_still_be_listed(released: LocalRegistry) -> None:
    for version in ("1.0.0", "1.1.0"):
        released.revoke(f"acme/intent@{version}", "gone")
    (summary,) = released.list()
    assert (summary.latest, summary.versions) == (None, 2)
