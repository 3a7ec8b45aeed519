"""Keys, signed publishing and trust, command by command."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Run
from tests.registry.folders import BASE, LORA, write_adapter
from tests.registry.signers import verified_by_stock_command

FACTS = ("--task", "text-classification", "--licence", "mit", "--no-base-check", "--json")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of this test alone, and without anybody to ask."""
    monkeypatch.setenv("ADAPTERHUB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path / "home"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


@pytest.fixture
def key(home: Path, adapterhub: Run) -> str:
    """The id of a key in the file ``acme``."""
    done = adapterhub("key", "new", "acme", "--json")
    assert done.code == 0, done.err
    assert done.document == {
        "key_id": done.document["key_id"],
        "private": "acme",
        "public": "acme.pub",
        "encrypted": False,
    }
    return str(done.document["key_id"])


def code(done: Outcome) -> str:
    return str(done.document["error"]["code"])


def test_a_signed_version_passes_where_signatures_are_required(
    adapterhub: Run, home: Path, key: str, adapter: Path
) -> None:
    assert adapterhub("key", "show", "acme.pub", "--json").document["key_id"] == key
    trusted = adapterhub("key", "trust", "acme", "acme.pub", "--require", "--json")
    assert trusted.document == {"namespace": "acme", "key_id": key, "required": True}
    assert json.loads((home / "trust.json").read_text())["namespaces"]["acme"]["keys"][0]["name"] == "acme"
    refused = adapterhub("publish", adapter, "acme/intent@1.0.0", *FACTS)
    assert (refused.code, code(refused)) == (1, "signature-missing")
    signed = adapterhub("publish", adapter, "acme/intent@1.0.0", "--sign", "acme", *FACTS)
    assert signed.code == 0, signed.out
    folder = Path(adapterhub("pull", "acme/intent@1.0.0", "--json").document["folder"])
    assert verified_by_stock_command(folder, Path("acme.pub"))
    assert not (adapter / "manifest.sig").exists(), "a publish only reads the folder"


def test_a_retired_key_signs_nothing_new(adapterhub: Run, key: str, adapter: Path) -> None:
    adapterhub("key", "trust", "acme", "acme.pub", "--require")
    adapterhub("publish", adapter, "acme/intent@1.0.0", "--sign", "acme", *FACTS)
    retired = adapterhub("key", "retire", "acme", key, "--json")
    assert retired.document == {"namespace": "acme", "key_id": key}
    refused = adapterhub("publish", adapter, "acme/intent@1.1.0", "--sign", "acme", *FACTS)
    assert (refused.code, code(refused)) == (1, "signature-invalid")
    assert adapterhub("pull", "acme/intent@1.0.0").code == 0
    assert code(adapterhub("key", "retire", "acme", "0" * 64, "--json")) == "key"


def test_a_requirement_stays_until_it_is_taken_back(adapterhub: Run, key: str, adapter: Path) -> None:
    adapterhub("key", "trust", "acme", "acme.pub", "--require")
    assert adapterhub("key", "trust", "acme", "acme.pub", "--json").document["required"]
    assert not adapterhub("key", "trust", "acme", "acme.pub", "--no-require", "--json").document["required"]
    assert adapterhub("publish", adapter, "acme/intent@1.0.0", *FACTS).code == 0


def test_a_folder_that_is_signed_keeps_its_signature(adapterhub: Run, key: str, adapter: Path) -> None:
    adapterhub("publish", adapter, "acme/intent@1.0.0", "--sign", "acme", *FACTS)
    pulled = adapterhub("pull", "acme/intent@1.0.0", "--json").document["folder"]
    shutil.copytree(pulled, "copy")
    adapterhub("key", "trust", "other", "acme.pub", "--require")
    done = adapterhub("publish", "copy", "other/intent@2.0.0", "--no-base-check", "--json")
    assert done.code == 0, done.out
    again = Path(adapterhub("pull", "other/intent@2.0.0", "--json").document["folder"])
    assert (again / "manifest.sig").read_bytes() == Path("copy", "manifest.sig").read_bytes()


def test_a_signature_of_what_was_there_before_is_replaced(
    adapterhub: Run, key: str, trained: Path, tiny_base: Path
) -> None:
    """With the base checked, which publishes to a registry of its own first."""
    shutil.copytree(trained, "run")
    Path("run", "adapter", "manifest.sig").write_text("old")
    version = ("acme/chat@1.0.0", "--base-path", tiny_base, "--json")
    assert code(adapterhub("publish", "run", *version)) == "signature-invalid"
    done = adapterhub("publish", "run", *version, "--sign", "acme")
    assert done.code == 0, done.out
    folder = Path(adapterhub("pull", "acme/chat", "--json").document["folder"])
    assert verified_by_stock_command(folder, Path("acme.pub"))


def test_what_is_left_out_is_said_once(adapterhub: Run, key: str, adapter: Path) -> None:
    (adapter / "notes.txt").write_text("mine")
    done = adapterhub("publish", adapter, "acme/intent@1.0.0", "--sign", "acme", *FACTS)
    assert (done.code, done.err.count("notes.txt")) == (0, 1)


def test_the_path_of_a_base_is_not_signed(adapterhub: Run, key: str, tmp_path: Path) -> None:
    config = {**LORA, "base_model_name_or_path": "/home/someone/tiny-bert"}
    folder = write_adapter(tmp_path / "made", config)
    done = adapterhub("publish", folder, "acme/intent@1.0.0", "--base", BASE, "--sign", "acme", *FACTS)
    assert done.code == 0, done.out
    pulled = Path(adapterhub("pull", "acme/intent", "--json").document["folder"])
    assert json.loads((pulled / "adapter_config.json").read_text())["base_model_name_or_path"] == BASE


def test_a_passphrase_comes_from_the_environment(
    adapterhub: Run, home: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADAPTERHUB_KEY_PASSPHRASE", "open sesame")
    assert adapterhub("key", "new", "safe", "--json").document["encrypted"]
    publish = ("publish", adapter, "acme/intent@1.0.0", "--sign", "safe", *FACTS)
    monkeypatch.setenv("ADAPTERHUB_KEY_PASSPHRASE", "open barley")
    assert code(adapterhub(*publish)) == "key"
    monkeypatch.delenv("ADAPTERHUB_KEY_PASSPHRASE")
    assert "ADAPTERHUB_KEY_PASSPHRASE" in adapterhub(*publish).document["error"]["hint"]
    monkeypatch.setenv("ADAPTERHUB_KEY_PASSPHRASE", "open sesame")
    assert adapterhub(*publish).code == 0


def test_a_passphrase_is_asked_for_in_a_terminal(
    adapterhub: Run, home: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def prompt(text: str, *, hide_input: bool, err: bool, **_: object) -> str:
        assert hide_input and err
        asked.append(text)
        return "open sesame"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", prompt)
    assert adapterhub("key", "new", "safe", "--json").document["encrypted"]
    assert adapterhub("publish", adapter, "acme/intent@1.0.0", "--sign", "safe", *FACTS).code == 0
    assert asked == ["Passphrase (empty: none)", "Passphrase of safe"]


def test_trust_is_the_homes_whatever_registry_is_named(
    adapterhub: Run, home: Path, key: str, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert adapterhub("publish", adapter, "acme/intent@1.0.0", *FACTS).code == 0
    adapterhub("key", "trust", "acme", "acme.pub", "--require")
    assert code(adapterhub("pull", "acme/intent", "--json")) == "signature-missing"
    monkeypatch.setenv("ADAPTERHUB_HOME", str(home.with_name("another")))
    assert adapterhub("pull", "acme/intent").code == 0


def test_a_private_key_is_not_trusted_by_mistake(adapterhub: Run, home: Path, key: str) -> None:
    refused = adapterhub("key", "trust", "acme", "acme", "--json")
    assert (refused.code, code(refused)) == (1, "key")
    assert "acme.pub" in refused.document["error"]["hint"]
    assert not (home / "trust.json").exists()


def test_text_for_people_says_what_to_keep(adapterhub: Run, home: Path) -> None:
    done = adapterhub("key", "new", "acme")
    assert (done.code, done.out) == (0, "")
    assert "keep acme (not encrypted), give away acme.pub" in done.err
    assert code(adapterhub("key", "new", "acme", "--json")) == "key"
