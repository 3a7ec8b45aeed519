"""From a location to a registry, what importing costs, and who else may claim the name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import registry as package
from registry import open_registry
from registry.errors import NameCollision, RegistryError, RegistryUnavailable, UnsupportedRegistry
from registry.opening import check_import_name
from registry.remote import RemoteRegistry
from tests.registry.folders import FACTS, write_adapter

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "peft", "safetensors", "numpy", "huggingface_hub", "adapterhub"}
USE = """
from registry import LocalRegistry, Follower, Facts, Manifest, open_registry
import sys, tempfile
from tests.registry.folders import FACTS, write_adapter
from pathlib import Path
with tempfile.TemporaryDirectory() as folder:
    registry = open_registry(folder)
    registry.pull(registry.publish(write_adapter(Path(folder) / "a"), "acme/intent", "1.0.0", facts=FACTS))
"""


def loaded(statement: str) -> set[str]:
    probe = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_registry_loads_nothing() -> None:
    modules = loaded("import registry")
    assert "registry" in modules
    assert modules & (HEAVY | {"sqlalchemy", "msgspec", "semantic_version", "rfc8785", "yaml"}) == set()


def test_using_it_needs_nothing_heavy() -> None:
    modules = loaded(USE)
    assert {"registry", "sqlalchemy", "msgspec"} <= modules
    assert modules & HEAVY == set()


def test_every_public_name_is_there() -> None:
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = package.nothing_like_this  # type: ignore[attr-defined]


def test_a_folder_is_made(tmp_path: Path) -> None:
    registry = open_registry(str(tmp_path / "deep" / "registry"))
    assert registry.list() == []
    assert registry.root.is_dir()


def test_the_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_registry("~/.adapterhub").root == tmp_path / ".adapterhub"


@pytest.mark.parametrize("name", ["with space", "q?uery", "#hash", "100%25", "é中", "a:b", "mode=memory&x"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    registry = open_registry(tmp_path / name)
    registry.publish(write_adapter(tmp_path / "a"), "acme/intent", "1.0.0", facts=FACTS)
    assert (tmp_path / name / "index.sqlite").is_file()
    assert str(open_registry(tmp_path / name).resolve("acme/intent")) == "acme/intent@1.0.0"


@pytest.mark.parametrize("location", ["https://hub.example.org/", "http://localhost:8000", "hf"])
def test_a_hub_is_opened_without_asking_it(tmp_path: Path, location: str) -> None:
    registry = open_registry(location, cache=tmp_path)
    assert isinstance(registry, RemoteRegistry)
    expected = "https://huggingface.co" if location == "hf" else location.rstrip("/")
    assert registry.endpoint.address == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("location", ["ftp://hub.example.org", "s3://bucket"])
def test_other_addresses_are_none_of_a_registry(location: str) -> None:
    with pytest.raises(UnsupportedRegistry, match="is not supported") as refused:
        open_registry(location)
    assert "folder" in refused.value.hint


def test_what_was_pulled_from_hubs_is_kept_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTERHUB_HOME", str(tmp_path))
    registry = open_registry("https://hub.example.org")
    with pytest.raises(RegistryUnavailable, match="HF_HUB_OFFLINE"):
        registry.show("acme/intent")
    with pytest.raises(RegistryUnavailable, match="never resolved here"):
        registry.resolve("acme/intent")
    assert not (tmp_path / "index.sqlite").exists()


def test_without_huggingface_hub_only_hubs_are_missing(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["huggingface_hub"] = None
from registry import open_registry
from registry.errors import UnsupportedRegistry
open_registry(sys.argv[1]).list()
try:
    open_registry("hf")
except UnsupportedRegistry as error:
    print(error.hint)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "pip install huggingface_hub\n"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryUnavailable, match="cannot hold a registry"):
        open_registry(tmp_path / "file")


def test_another_package_of_this_name(tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    check_import_name([str(tmp_path)])  # a folder of data, say a registry
    (tmp_path / "registry" / "__init__.py").write_text("")
    with pytest.raises(NameCollision, match="two packages claim the import name registry") as refused:
        check_import_name([str(tmp_path)])
    assert str(tmp_path) in refused.value.message


def test_another_module_of_this_name(tmp_path: Path) -> None:
    (tmp_path / "registry.py").write_text("")
    with pytest.raises(NameCollision):
        check_import_name(["/nowhere", str(tmp_path)])


def test_another_installation_of_this_package_is_no_collision(tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "__init__.py").write_text((ROOT / "registry" / "__init__.py").read_text())
    check_import_name([str(tmp_path), str(ROOT)])


def test_every_error_has_a_code_of_its_own() -> None:
    def tree(root: type[RegistryError]) -> list[type[RegistryError]]:
        return [root, *(error for child in root.__subclasses__() for error in tree(child))]

    errors = tree(RegistryError)
    assert len(errors) > 10
    assert len({error.code for error in errors}) == len(errors)


def test_errors_say_what_and_what_to_do() -> None:
    error = RegistryError("it is gone", "Publish it again.")
    assert (error.message, error.hint, str(error)) == (
        "it is gone",
        "Publish it again.",
        "it is gone\nPublish it again.",
    )
    assert str(RegistryError("it is gone")) == "it is gone"
