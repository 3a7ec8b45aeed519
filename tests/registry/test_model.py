"""Any sequence of verbs, against a model of a few dictionaries that says what must come of it."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from semantic_version import NpmSpec
from semantic_version import Version as SemVer

from registry import LocalRegistry, Manifest
from registry.errors import (
    AdmissionRefused,
    AliasConflict,
    AliasNotFound,
    NotFound,
    RevokedVersion,
    VersionConflict,
    YankedWarning,
)
from tests.registry.folders import FACTS, write_adapter

NAME = "acme/intent"
numbers = st.sampled_from(["1.0.0", "1.1.0", "1.2.0-rc.1", "2.0.0"])
contents = st.integers(0, 2)
aliases = st.sampled_from(["production", "canary"])
ranges = st.sampled_from(["^1", "~1.0", "*", ">=2", "1.x || 2.x"])


class Model(RuleBasedStateMachine):
    """What was published, with which content and status; where aliases are; every move of them."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.root = Path(self.home.name)
        self.folders = [write_adapter(self.root / f"adapter{seed}", seed=seed) for seed in range(3)]
        self.registry = LocalRegistry(self.root / "registry")
        self.content: dict[str, int] = {}
        self.digest: dict[int, str] = {}
        self.status: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.moves: list[tuple[str, str | None, str]] = []
        self.audited = 0
        warnings.simplefilter("ignore", YankedWarning)

    def teardown(self) -> None:
        self.home.cleanup()

    def revoked_contents(self) -> set[int]:
        return {self.content[number] for number, status in self.status.items() if status == "revoked"}

    @rule(number=numbers, content=contents)
    def publish(self, number: str, content: int) -> None:
        def publish() -> str:
            return self.registry.publish(self.folders[content], NAME, number, facts=FACTS).digest

        if content in self.revoked_contents():
            with pytest.raises(
                AdmissionRefused
                if self.content.get(number, content) == content
                else (AdmissionRefused, VersionConflict)
            ):
                publish()
            self.audited += 1
        elif self.content.get(number, content) != content:
            with pytest.raises(VersionConflict):
                publish()
            self.audited += 1
        else:
            assert self.digest.setdefault(content, publish()) == publish()
            self.audited += number not in self.content
            self.content[number] = content
            self.status.setdefault(number, "active")

    @rule(name=aliases, number=numbers, expect=st.none() | numbers)
    def alias(self, name: str, number: str, expect: str | None) -> None:
        if number not in self.content:
            with pytest.raises(NotFound):
                self.registry.alias(NAME, name, number, expect=expect)
        elif self.status[number] == "revoked":
            with pytest.raises(RevokedVersion):
                self.registry.alias(NAME, name, number, expect=expect)
        elif self.aliases.get(name) != expect:
            with pytest.raises(AliasConflict):
                self.registry.alias(NAME, name, number, expect=expect)
        else:
            assert self.registry.alias(NAME, name, number, expect=expect).previous == expect
            self.aliases[name] = number
            self.moves.append((name, expect, number))
            self.audited += 1

    @rule(number=numbers)
    def yank(self, number: str) -> None:
        if number not in self.content:
            with pytest.raises(NotFound):
                self.registry.yank(f"{NAME}@{number}", "slow")
        elif self.status[number] == "revoked":
            with pytest.raises(RevokedVersion):
                self.registry.yank(f"{NAME}@{number}", "slow")
        else:
            self.audited += self.status[number] == "active"
            assert self.registry.yank(f"{NAME}@{number}", "slow").status == "yanked"
            self.status[number] = "yanked"

    @rule(number=numbers, rarely=st.integers(0, 3))
    def revoke(self, number: str, rarely: int) -> None:
        if number in self.content and not rarely:
            self.audited += self.status[number] != "revoked"
            assert self.registry.revoke(f"{NAME}@{number}", "leaks").status == "revoked"
            self.status[number] = "revoked"

    @rule()
    def open_anew(self) -> None:
        self.registry = LocalRegistry(self.root / "registry")

    @precondition(lambda self: self.content)
    @rule(number=numbers)
    def pull_exactly(self, number: str) -> None:
        if number not in self.content:
            with pytest.raises(NotFound):
                self.registry.pull(f"{NAME}@{number}")
        elif self.status[number] == "revoked":
            with pytest.raises(RevokedVersion):
                self.registry.pull(f"{NAME}@{number}")
        else:
            folder = self.registry.pull(f"{NAME}@{number}")
            assert Manifest.read(folder).digest == self.digest[self.content[number]]

    @precondition(lambda self: self.content)
    @rule(spec=ranges)
    def resolve_a_range(self, spec: str) -> None:
        allowed = [n for n in self.content if self.status[n] == "active" and SemVer(n) in NpmSpec(spec)]
        if allowed:
            assert self.registry.resolve(f"{NAME}@{spec}").version == max(allowed, key=SemVer)
        else:
            with pytest.raises(NotFound):
                self.registry.resolve(f"{NAME}@{spec}")

    @precondition(lambda self: self.content)
    @rule(name=aliases)
    def resolve_an_alias(self, name: str) -> None:
        target = self.aliases.get(name)
        if target is None:
            with pytest.raises(AliasNotFound):
                self.registry.resolve(f"{NAME}@{name}")
        elif self.status[target] == "revoked":
            with pytest.raises(RevokedVersion):
                self.registry.resolve(f"{NAME}@{name}")
        else:
            assert self.registry.resolve(f"{NAME}@{name}").version == target

    @precondition(lambda self: self.content)
    @invariant()
    def everything_is_listed_as_it_is(self) -> None:
        found = {one.version: (one.digest, one.status) for one in self.registry.versions(NAME)}
        assert found == {n: (self.digest[c], self.status[n]) for n, c in self.content.items()}

    @invariant()
    def every_change_and_refusal_is_audited(self) -> None:
        assert len(self.registry.audit()) == self.audited

    @precondition(lambda self: self.aliases)
    @invariant()
    def no_move_is_forgotten(self) -> None:
        for name in self.aliases:
            history = [(name, one.previous, one.version) for one in reversed(self.registry.alias_history(NAME, name))]
            assert history == [move for move in self.moves if move[0] == name]


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
