"""The demo, as an app and its contributors would write it: ``make demo``, or ``python -m demo``.

Everything it makes lies under ``ADAPTERHUB_HOME``; what is published there already is not trained again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from adapterhub import Backbone, Engine, settings
from adapterhub.recipe import Recipe
from adapterhub.tasks import Answer, HiddenAnswer, LabelAnswer
from adapterhub.train import train
from adapterhub.train.view.console import ConsoleProgress
from demo.questions import write_questions
from registry import Registry, RegistryError, open_registry

RECIPES = Path(__file__).parent
BASE = "sentence-transformers/all-MiniLM-L6-v2"
PRODUCTION = "demo/topic@production"

ROWS = [
    (PRODUCTION, "can you write a binary search?"),
    ("demo/kind@^1.0", "My printer prints blank pages."),
    (PRODUCTION, "jules verne"),
    ("demo/kind@^1.0", "How was your weekend?"),
    (None, "a row for the bare backbone"),
]

CAPTION = """trained   parameters, the head's included, and their share of the backbone's
accuracy  on test rows: with an untrained head (1.1.0: with 1.0.0), and after
swap      to fetch, verify and load it beside the ones that are running"""

console = Console(highlight=False)


def main() -> None:
    """Train, publish, serve in one batch, retrain, and swap while serving."""
    home = settings.home() / "demo"
    write_questions(home / "data")
    os.environ["ADAPTERHUB_DATA"] = str(home / "data")
    registry = open_registry(settings.registry_location())

    console.rule("1  train two adapters for one backbone, and publish them")
    publish(registry, "demo/topic@1.0.0", "topic", home)
    publish(registry, "demo/kind@1.0.0", "kind", home)
    point_production_at(registry, "1.0.0")

    console.rule("2  serve both from one resident backbone, in one batch")
    backbone = Backbone.load(BASE)
    weights = backbone.digest()
    with Engine(backbone, registry, poll_seconds=0.2) as engine:
        show(engine.predict(ROWS))

        console.rule("3  more questions came in: retrain from 1.0.0, beside the engine")
        publish(registry, "demo/topic@1.1.0", "topic-again", home)

        console.rule("4  move the alias: the running engine follows")
        seconds = swap(engine, registry, "1.1.0")
        show(engine.predict(ROWS))
        untouched = backbone.digest() == weights
        console.print(f"The alias moved, and {seconds:.2f} s later (polling every 0.2 s) 1.1.0 answered.")
        console.print(f"The backbone was loaded once, and its weights are {'unchanged' if untouched else 'CHANGED'}.")

        console.rule("what it came to")
        console.print(summary(engine, registry))
    console.print("Go on with: .venv/bin/adapterhub list")


def publish(registry: Registry, name: str, recipe: str, home: Path) -> None:
    """Train by `recipe` and publish the result as `name`, unless the registry has that version already."""
    repository, _, number = name.partition("@")
    if number in published(registry, repository):
        console.print(f"{name} is in the registry already")
        return
    run = home / "runs" / recipe
    with ConsoleProgress(console) as progress:
        train(Recipe.read(RECIPES / f"{recipe}.toml"), run, resume=run.exists(), registry=registry, progress=progress)
    version = registry.publish(run, repository, number)
    console.print(f"published [bold]{version}[/] {version.digest[:19]}…")


def published(registry: Registry, repository: str) -> list[str]:
    """The numbers that a repository has; none where there is no such repository yet."""
    if repository not in [found.repository for found in registry.list()]:
        return []
    return [version.version for version in registry.versions(repository)]


def point_production_at(registry: Registry, number: str) -> None:
    """Move the alias from wherever it is; a running app notices by itself."""
    try:
        now = registry.resolve(PRODUCTION).version
    except RegistryError:
        now = None
    if now != number:
        registry.alias("demo/topic", "production", number, expect=now)


def swap(engine: Engine, registry: Registry, number: str) -> float:
    """Seconds from moving the alias to the first answer of the new version, asking all the while."""
    started = time.perf_counter()
    point_production_at(registry, number)
    while True:
        version = engine.predict(ROWS[:1])[0].version
        if version and version.version == number:
            return time.perf_counter() - started


def show(answers: Sequence[Answer]) -> None:
    """One line a row: what was asked, what was answered, and by which version."""
    table = Table("row", "answer", "made by", box=None, padding=(0, 2, 0, 0))
    for (_, row), answer in zip(ROWS, answers, strict=True):
        table.add_row(row, words(answer), str(answer.version or "the bare backbone"))
    console.print(table)


def words(answer: Answer) -> str:
    """An answer for reading."""
    match answer:
        case LabelAnswer():
            return f"{answer.label}  {answer.score:.0%}"
        case HiddenAnswer():
            return f"hidden states {list(answer.last_hidden_state.shape)}"
    return str(answer)


def summary(engine: Engine, registry: Registry) -> Table:
    """What each adapter is, costs and gained, from its manifest; and how long the running engine took to load it."""
    backbone = sum(parameter.numel() for _, parameter in engine.backbone.parameters())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=CAPTION, caption_justify="left")
    for column in ("adapter, task", "method", "trained", "accuracy", "file", "swap"):
        table.add_column(column, no_wrap=True)
    for resident in sorted(engine.status().resident, key=lambda one: str(one.version)):
        facts = registry.show(str(resident.version)).manifest.document
        trained, metrics = facts["trainable_parameters"], facts["metrics"]
        size = next(file["size"] for file in facts["files"] if file["path"] == "adapter_model.safetensors")
        table.add_row(
            f"{resident.version}\n{facts['task']['name']}",
            facts["method"]["kind"],
            f"{trained:,}\n{trained / backbone:.2%}",
            f"{metrics['before']['accuracy']['value']:.2f} → {metrics['after']['accuracy']['value']:.2f}",
            f"{size / 1024:.0f} KiB",
            f"{resident.loaded_in * 1000:.0f} ms",
        )
    return table


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        console.print("\ninterrupted; the next `make demo` goes on from here")
        sys.exit(130)
