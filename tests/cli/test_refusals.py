"""Exit codes and streams: what a script can rely on when a command does not do what was asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Group
from safetensors.numpy import load_file, save_file

from adapterhub.cli.app import COMMANDS, root
from adapterhub.cli.output import Output, table
from tests.cli.conftest import Outcome, Run
from tests.train.support import Recipes

Publish = Callable[[str], Outcome]
ADAPTERHUB = str(Path(sys.executable).with_name("adapterhub"))


def test_a_refusal_is_one_line_why_and_one_line_what_to_do(adapterhub: Run) -> None:
    refused = adapterhub("pull", "acme/none@1.0.0")
    assert (refused.code, refused.out) == (1, "")
    why, what = refused.err.splitlines()
    assert why.startswith("error: ") and "acme/none" in why
    assert what.startswith("  → ")


def test_a_refusal_in_json_is_one_document_on_stdout(adapterhub: Run) -> None:
    refused = adapterhub("pull", "acme/none@1.0.0", "--json")
    assert (refused.code, refused.err) == (1, "")
    assert set(refused.document) == {"error"}
    assert set(refused.document["error"]) == {"code", "message", "hint"}
    assert refused.document["error"]["code"] == "repository-not-found"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing-like-this",),
        ("pull",),
        ("pull", "acme/a", "--nope"),
        ("publish", "folder", "acme/a"),
        ("alias", "acme/a", "production", "1.0.0"),
        ("alias", "acme/a", "production"),
        ("yank", "acme/a@1.0.0"),
        ("key", "new"),
        ("key", "turn", "acme"),
    ],
)
def test_wrong_usage_is_2_and_points_to_help(adapterhub: Run, arguments: tuple[str, ...]) -> None:
    wrong = adapterhub(*arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert "--help" in wrong.err
    in_json = adapterhub(*arguments, "--json")
    assert (in_json.code, in_json.document["error"]["code"]) == (2, "usage")


def test_text_for_people_goes_to_stderr(adapterhub: Run, publish: Publish) -> None:
    publish("acme/chat@1.0.0")
    for command in (("list",), ("list", "acme/chat"), ("show", "acme/chat"), ("pull", "acme/chat")):
        done = adapterhub(*command)
        assert (done.code, done.out) == (0, "")
        assert "1.0.0" in done.err


@pytest.mark.parametrize("recipe", ["missing.toml", "broken.toml"])
def test_a_recipe_that_cannot_be_read_is_refused(adapterhub: Run, tmp_path: Path, recipe: str) -> None:
    (tmp_path / "broken.toml").write_text("name = 3", encoding="utf-8")
    refused = adapterhub("train", tmp_path / recipe, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "recipe")


def test_an_alias_that_is_elsewhere_is_not_moved(adapterhub: Run, publish: Publish) -> None:
    publish("acme/chat@1.0.0")
    refused = adapterhub("alias", "acme/chat", "production", "1.0.0", "--expect", "0.9.0", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "alias-conflict")


def test_a_version_takes_no_other_content(adapterhub: Run, publish: Publish, trained: Path, tiny_base: Path) -> None:
    digest = publish("acme/chat@1.0.0").document["digest"]
    other = Path("other")
    shutil.copytree(trained / "adapter", other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "licence": "cc0-1.0"}))
    refused = adapterhub("publish", other, "acme/chat@1.0.0", "--base-path", tiny_base, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "version-conflict")
    assert adapterhub("show", "acme/chat", "--json").document["digest"] == digest


def test_publishing_needs_the_base_or_the_word_that_it_was_not_checked(adapterhub: Run, trained: Path) -> None:
    refused = adapterhub("publish", trained, "acme/chat@1.0.0", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "backbone")
    assert "--no-base-check" in refused.document["error"]["hint"]
    assert adapterhub("list", "--json").document == {"repositories": []}
    assert adapterhub("publish", trained, "acme/chat@1.0.0", "--no-base-check").code == 0


def test_an_adapter_that_the_base_refuses_is_not_published(adapterhub: Run, trained: Path, tiny_base: Path) -> None:
    from registry import Manifest
    from registry.manifest import complete

    broken = Path("broken")
    shutil.copytree(trained / "adapter", broken)
    tensors = load_file(broken / "adapter_model.safetensors")
    save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, broken / "adapter_model.safetensors")
    complete(broken, dict(Manifest.read(broken).document))
    refused = adapterhub("publish", broken, "acme/chat@1.0.0", "--base-path", tiny_base, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "adapter")
    assert "NaN" in refused.document["error"]["message"]
    assert adapterhub("list", "--json").document == {"repositories": []}


def test_rows_that_are_not_json_are_refused_by_line(adapterhub: Run) -> None:
    done = subprocess.run(
        [ADAPTERHUB, "predict", "acme/a", "--json"], input='"fine"\n{oops\n', capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "stdin:2" in json.loads(done.stdout)["error"]["message"]


def test_what_would_command_a_terminal_is_printed_without_effect(capsys: pytest.CaptureFixture[str]) -> None:
    label = "a\x1b[31mb\x9b2J"
    Output().result({}, Group(table((label, ""), [(label, "x\ny")]), f"label {label}"))
    Output().refuse("data", f"no {label}", f"Give {label}.")
    shown = capsys.readouterr().err
    assert shown.count("a\ufffd[31mb\ufffd2J") == 5
    assert not {"\x1b", "\x9b"} & {*shown}
    Output(as_json=True).result({"label": label}, "")
    said = capsys.readouterr().out
    assert "\x1b" not in said and json.loads(said) == {"label": label}


@pytest.mark.slow
def test_an_interrupted_training_is_130_and_says_how_to_go_on(recipes: Recipes, tmp_path: Path) -> None:
    recipe = tmp_path / "long.toml"
    recipe.write_text(recipes.text(training="learning_rate = 1e-3\nepochs = 10000"), encoding="utf-8")
    command = [ADAPTERHUB, "train", str(recipe), "--run", str(tmp_path / "run"), "--json"]
    training = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert training.stderr is not None
    while "epoch 1 " not in training.stderr.readline():
        assert training.poll() is None, "it ended before it was interrupted"
    training.send_signal(signal.SIGINT)
    printed, _ = training.communicate(timeout=60)
    assert training.returncode == 130
    error = json.loads(printed)["error"]
    assert error["code"] == "interrupted"
    assert "--resume" in error["hint"]


@pytest.mark.parametrize(("module", "package"), [("sqlalchemy", "SQLAlchemy"), ("rfc8785", "rfc8785")])
def test_a_package_that_is_missing_is_named(module: str, package: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; from adapterhub.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", program, "list", "--json"], capture_output=True, text=True)
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "missing-dependency"
    assert error["hint"] == f"pip install {package}"


def test_the_installed_command_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "ADAPTERHUB_REGISTRY": str(tmp_path)}
    done = subprocess.run([ADAPTERHUB, "list", "--json"], env=environment, capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"repositories": []})


def test_every_command_can_speak_json_and_says_what_it_does() -> None:
    import click

    def leaves(group: click.Group) -> Iterator[click.Command]:
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            assert command is not None
            yield from leaves(command) if isinstance(command, click.Group) else [command]

    found = list(leaves(root))
    assert len(found) > len(COMMANDS)
    for command in found:
        if command.name not in ("serve", "migrate"):  # they answer nothing, they do
            assert "as_json" in [parameter.name for parameter in command.params], command.name
        assert len(command.get_short_help_str(limit=60)) > 10


def test_what_people_wrote_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().say("yanked: see [/docs] for [why] :bomb:")
    assert "see [/docs] for [why] :bomb:" in capsys.readouterr().err


def test_an_empty_label_is_wrong_usage(adapterhub: Run, tmp_path: Path) -> None:
    assert adapterhub("publish", str(tmp_path), "acme/x@1.0.0", "--labels", "ham,,spam").code == 2
