"""Registries keep the Protocol's promises in form: the same verbs, the same arguments."""

from __future__ import annotations

import inspect

import pytest

from registry import LocalRegistry, Registry, Version
from registry.remote import RemoteRegistry

VERBS = [name for name, member in vars(Registry).items() if inspect.isfunction(member) and not name.startswith("_")]


def arguments(function: object) -> list[tuple[str, object, object]]:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    return [(one.name, one.kind, one.default) for one in signature.parameters.values()]


def test_the_verbs() -> None:
    assert {"publish", "resolve", "pull", "list", "show", "versions", "alias", "alias_history", "yank", "revoke"} <= {
        *VERBS
    }


@pytest.mark.parametrize("kind", [LocalRegistry, RemoteRegistry])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_the_same_arguments(verb: str, kind: type) -> None:
    assert arguments(getattr(kind, verb)) == arguments(getattr(Registry, verb))


def test_a_version_is_a_value() -> None:
    version = Version("acme/intent", "1.0.0", "sha256:" + "0" * 64, "0" * 40)
    assert str(version) == f"{version}" == "acme/intent@1.0.0"
    assert {version: 1}[Version("acme/intent", "1.0.0", "sha256:" + "0" * 64, "0" * 40)] == 1
    with pytest.raises(AttributeError):
        version.version = "2.0.0"  # type: ignore[misc]
