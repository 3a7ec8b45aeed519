"""The command line against a real server: each command takes the registry, tokens stay with their Hub, locks hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry import Registry, Version
from tests.registry.folders import write_adapter
from tests.support.front import Front
from tests.support.hub import CLI, ROOT, HubServer, client_environment

Open = Callable[..., Registry]
Publish = Callable[..., Version]

# What is under test is the client: which database the server has is nothing that it can notice.
pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


class Commands:
    """Runs ``adapterhub`` in processes of a home of their own, against a Hub that only ``--registry`` names."""

    def __init__(self, server: HubServer, at: Front, home: Path) -> None:
        self.url = at.url
        self.folder = home / "project"
        self.folder.mkdir(parents=True)
        self.environment = client_environment(server, home) | {"HF_ENDPOINT": "http://127.0.0.1:9"}

    def __call__(self, *arguments: object, fails: bool = False, given: str = "") -> Any:
        command = [*CLI, *map(str, arguments), "--registry", self.url, "--json"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            input=given,
            timeout=120,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        document = json.loads(done.stdout)
        return document["error"] if fails else document


@pytest.fixture
def commands(server: HubServer, hub: Front, tmp_path: Path) -> Commands:
    return Commands(server, hub, tmp_path / "home")


def test_a_life_by_commands(commands: Commands, name: str, tmp_path: Path) -> None:
    facts = ("--base", "tests/tiny-bert", "--task", "text-classification", "--licence", "mit", "--labels", "a,b,c")
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        folder = write_adapter(tmp_path / version, seed=seed)
        commands("publish", folder, f"{name}@{version}", *facts, "--no-base-check")
    commands("alias", name, "production", "1.0.0", "--expect", "none")
    assert [one["version"] for one in commands("list", name)["versions"]] == ["1.1.0", "1.0.0"]
    assert commands("show", f"{name}@production")["aliases"] == ["production"]
    pulled = Path(commands("pull", f"{name}@production")["folder"])
    assert pulled.is_relative_to(commands.environment["HOME"]) and (pulled / "manifest.json").is_file()
    assert commands("yank", f"{name}@1.1.0", "--reason", "slow")["status"] == "yanked"
    assert commands("revoke", f"{name}@1.1.0", "--reason", "leaks")["status"] == "revoked"
    assert commands("pull", f"{name}@1.1.0", fails=True)["code"] == "revoked"
    conflict = commands("alias", name, "production", "1.0.0", "--expect", "none", fails=True)
    assert conflict["code"] == "alias-conflict"


def test_a_lock_holds_what_a_name_meant(
    commands: Commands, hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    registry, lock = opened(hub), commands.folder / "adapters.lock"
    old, new = publish(registry, "1.0.0"), publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    commands("lock", f"{name}@production", f"{name}@1.1.0")
    before = lock.read_bytes()
    assert json.loads(before)["adapters"][f"{name}@production"] == {
        "repository": name,
        "version": "1.0.0",
        "digest": old.digest,
        "commit": old.commit,
        "registry": hub.url,
    }
    registry.alias(name, "production", "1.1.0", expect="1.0.0")
    assert commands("pull", "--locked", f"{name}@production")["digest"] == old.digest
    assert [one["digest"] for one in commands("pull", "--locked")["versions"]] == [new.digest, old.digest]
    commands("lock", f"{name}@production")
    assert lock.read_bytes() == before, "what is locked stays as it is"
    commands("lock", "--update")
    assert commands("pull", "--locked", f"{name}@production")["digest"] == new.digest
    assert commands("pull", "--locked", f"{name}@^9", fails=True)["code"] == "lock"
    registry.revoke(f"{name}@1.1.0", "leaks")
    assert commands("pull", "--locked", fails=True)["code"] == "revoked"


def test_a_locked_digest_is_the_only_one_that_is_pulled(
    commands: Commands, hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    publish(opened(hub), "1.0.0")
    commands("lock", f"{name}@1.0.0")
    lock = commands.folder / "adapters.lock"
    document = json.loads(lock.read_text())
    entry = document["adapters"][f"{name}@1.0.0"]
    entry["digest"] = "sha256:" + "0" * 64
    lock.write_text(json.dumps(document))
    refused = commands("pull", "--locked", fails=True)
    assert refused["code"] == "lock" and "locked digest" in refused["message"]
    entry["registry"] = "https://elsewhere.example.org"
    lock.write_text(json.dumps(document))
    assert "elsewhere.example.org" in commands("pull", "--locked", fails=True)["message"]


def test_a_token_is_checked_stored_and_sent_to_its_hub_only(
    commands: Commands, server: HubServer, opened: Open, publish: Publish, hub: Front, name: str
) -> None:
    publish(opened(hub), "1.0.0")
    del commands.environment["HF_TOKEN"]
    assert commands("alias", name, "a", "1.0.0", "--expect", "none", fails=True)["code"] == "not-authenticated"
    assert commands("login", "--token", "ahub_wrong", fails=True)["code"] == "not-authenticated"
    assert commands("login", given=f"{server.token}\n") == {"registry": hub.url, "name": "admin"}
    assert commands("alias", name, "a", "1.0.0", "--expect", "none")["version"] == "1.0.0"
    commands.url = server.url  # another address is another Hub
    assert commands("alias", name, "b", "1.0.0", "--expect", "none", fails=True)["code"] == "not-authenticated"
    stored = Path(commands.environment["HF_HOME"])
    assert not (stored / "token").exists(), "the active token is for huggingface_hub's own endpoint"
