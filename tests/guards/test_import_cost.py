"""Help and `import registry` stay cheap: nothing that takes seconds to import is loaded for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from adapterhub.cli.app import COMMANDS

HEAVY = {"torch", "transformers", "peft", "accelerate", "sklearn", "scipy", "numpy"}
HELP = "from adapterhub.cli import main; assert main({arguments}) == 0"


def loaded(statement: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter holds after `statement`."""
    probe = f"{statement}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    ("statement", "saw"),
    [
        ("import registry; registry.open_registry", "registry"),
        ("import adapterhub", "adapterhub"),
        ("import adapterhub.recipe, adapterhub.tasks, adapterhub.evaluate", "msgspec"),
        (HELP.format(arguments=["--help"]), "click"),
        (HELP.format(arguments=["--version"]), "click"),
        *((HELP.format(arguments=[command, "--help"]), "click") for command in COMMANDS),
    ],
)
def test_nothing_heavy_is_imported(statement: str, saw: str) -> None:
    modules = loaded(statement)
    assert saw in modules
    assert modules & HEAVY == set()


def test_the_registry_brings_nothing_of_adapterhub() -> None:
    assert "adapterhub" not in loaded("import registry; registry.open_registry")


def test_the_probe_sees_what_is_imported() -> None:
    assert loaded("import numpy") & HEAVY == {"numpy"}
