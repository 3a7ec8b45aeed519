"""Aliases: compare-and-set, history, and what they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import LocalRegistry
from registry.errors import (
    AliasConflict,
    AliasNotFound,
    InvalidReference,
    RepositoryNotFound,
    RevokedVersion,
    VersionNotFound,
)
from tests.registry.folders import FACTS


@pytest.fixture
def released(registry: LocalRegistry, adapter: Path) -> LocalRegistry:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        registry.publish(adapter, "acme/intent", version, facts=FACTS)
    return registry


def test_moving_and_rolling_back(released: LocalRegistry) -> None:
    first = released.alias("acme/intent", "production", "1.0.0", expect=None)
    assert (first.repository, first.alias, first.version, first.previous) == (
        "acme/intent",
        "production",
        "1.0.0",
        None,
    )
    released.alias("acme/intent", "production", "1.1.0", expect="1.0.0")
    assert released.resolve("acme/intent@production").version == "1.1.0"
    released.alias("acme/intent", "production", "1.0.0", expect="1.1.0")
    assert released.resolve("acme/intent@production").version == "1.0.0"
    moves = [(change.previous, change.version) for change in released.alias_history("acme/intent", "production")]
    assert moves == [("1.1.0", "1.0.0"), ("1.0.0", "1.1.0"), (None, "1.0.0")]


@pytest.mark.parametrize("expect", [None, "1.1.0", "9.9.9"])
def test_a_wrong_expectation_changes_nothing(released: LocalRegistry, expect: str | None) -> None:
    released.alias("acme/intent", "production", "1.0.0", expect=None)
    with pytest.raises(AliasConflict, match=r"acme/intent@production is 1\.0\.0"):
        released.alias("acme/intent", "production", "1.2.0", expect=expect)
    assert released.resolve("acme/intent@production").version == "1.0.0"
    assert len(released.alias_history("acme/intent", "production")) == 1


def test_expecting_an_alias_that_is_not_there(released: LocalRegistry) -> None:
    with pytest.raises(AliasConflict, match="does not exist"):
        released.alias("acme/intent", "production", "1.0.0", expect="1.0.0")


def test_what_an_alias_cannot_point_at(released: LocalRegistry) -> None:
    with pytest.raises(VersionNotFound, match=r"no version 9\.9\.9"):
        released.alias("acme/intent", "production", "9.9.9", expect=None)
    with pytest.raises(InvalidReference):
        released.alias("acme/intent", "production", "^1", expect=None)
    with pytest.raises(RepositoryNotFound):
        released.alias("acme/unknown", "production", "1.0.0", expect=None)
    released.revoke("acme/intent@1.2.0", "broken")
    with pytest.raises(RevokedVersion):
        released.alias("acme/intent", "production", "1.2.0", expect=None)
    with pytest.raises(AliasNotFound):
        released.resolve("acme/intent@production")


@pytest.mark.parametrize("name", ["latest", "main", "1.0.0", "^1", "a b", ""])
def test_names_that_are_taken(released: LocalRegistry, name: str) -> None:
    with pytest.raises(InvalidReference):
        released.alias("acme/intent", name, "1.0.0", expect=None)


def test_an_unknown_alias_names_the_known_ones(released: LocalRegistry) -> None:
    released.alias("acme/intent", "production", "1.0.0", expect=None)
    with pytest.raises(AliasNotFound, match="canary") as refused:
        released.resolve("acme/intent@canary")
    assert "production" in refused.value.hint
    with pytest.raises(AliasNotFound):
        released.alias_history("acme/intent", "canary")


def test_aliases_of_repositories_are_their_own(released: LocalRegistry, adapter: Path) -> None:
    released.publish(adapter, "acme/other", "1.0.0", facts=FACTS)
    released.alias("acme/intent", "production", "1.1.0", expect=None)
    with pytest.raises(AliasNotFound):
        released.resolve("acme/other@production")
    released.alias("acme/other", "production", "1.0.0", expect=None)
    assert released.resolve("acme/intent@production").version == "1.1.0"


def test_moves_are_audited(released: LocalRegistry) -> None:
    released.alias("acme/intent", "production", "1.0.0", expect=None)
    released.alias("acme/intent", "production", "1.1.0", expect="1.0.0")
    details = [entry.detail for entry in released.audit("acme/intent") if entry.action == "alias"]
    assert details == ["1.0.0 → 1.1.0", "None → 1.0.0"]
