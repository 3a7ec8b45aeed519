"""``adapterhub fairness``: whether an adapter treats people alike, as far as small tests can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.predict import in_words, shortened
from adapterhub.cli.rows import Chosen, rows_options
from adapterhub.cli.serving import Opened, base_path_option, opened
from adapterhub.errors import DataError

if TYPE_CHECKING:
    from adapterhub import Engine
    from adapterhub.evaluate.fairness.counterfactuals import Counterfactual
    from adapterhub.evaluate.fairness.findings import Findings

SECTION = "Robustness and fairness"
MOST_SHOWN = 10

file_option = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Asked:
    """What the options ask for besides rows."""

    pairs: tuple[Path, ...]
    group: str | None
    crows_pairs: Path | None
    bbq: Path | None
    most: int


@click.command("fairness")
@click.argument("target", metavar="REF|FOLDER")
@rows_options
@click.option("--pairs", type=file_option, multiple=True, help="More words for who a text is about (TOML).")
@click.option("--group", metavar="COLUMN", help="Compare the groups of rows that this column of --data names.")
@click.option("--crows-pairs", type=file_option, help="Of a language model: pairs of sentences (JSON lines).")
@click.option("--bbq", type=file_option, help="Of a language model: questions about people (JSON lines).")
@click.option("--most", type=click.IntRange(1), default=500, show_default=True, help="Items of each of those two.")
@click.option("--card", is_flag=True, help="Write what was found into the model card of FOLDER.")
@base_path_option
@registry_option
@json_option
def fairness_command(
    target: str,
    chosen: Chosen,
    pairs: tuple[Path, ...],
    group: str | None,
    crows_pairs: Path | None,
    bbq: Path | None,
    most: int,
    card: bool,
    base_path: Path | None,
    location: str,
    as_json: bool,
) -> None:
    """Ask whether an adapter treats people alike.

    A classifier: whether its answers flip when words like she and he are exchanged, and with --group whether it is as
    good for each group. A language model: what CrowS-Pairs (Nangia et al. 2020) and BBQ (Parrish et al. 2022) say of
    the bare base and of the adapter on it.

    \b
    adapterhub fairness acme/toxic@1.0.0 --data hatecheck.jsonl --group target
    adapterhub fairness runs/chat --crows-pairs crows.jsonl --bbq bbq.jsonl --card
    """
    if card and not Path(target).is_dir():
        raise click.UsageError("--card writes to a folder; a published version never changes", _context())
    asked = Asked(pairs, group, crows_pairs, bbq, most)
    with opened(target, location) as adapter:
        writes = adapter.manifest.head.kind == "causal-lm"
        flipped: list[Counterfactual] = []
        if writes:
            findings = _of_language_model(adapter, asked, base_path)
        else:
            findings, flipped = _of_classifier(adapter, chosen, asked, base_path)
        document: dict[str, Any] = {"adapter": target, "digest": adapter.manifest.digest, "findings": findings}
    if card:
        from adapterhub.train.adapter.export import rewrite_section

        document["digest"] = rewrite_section(Path(target), SECTION, findings.markdown())
    output = Output(as_json)
    if flipped and not as_json:
        output.say(_flipped(flipped))
    from rich.console import Group

    tables = [part for one in findings.tables() for part in (one.note, table(one.columns, one.lines))]
    output.result(document, Group(*tables))


def _context() -> click.Context:
    return click.get_current_context()


def _of_classifier(
    adapter: Opened, chosen: Chosen, asked: Asked, base_path: Path | None
) -> tuple[Findings, list[Counterfactual]]:
    """Flips, and the gap of groups where a column is named; with the rows that flipped."""
    from adapterhub.evaluate import Evaluation
    from adapterhub.evaluate.fairness.counterfactuals import counterfactuals, flips
    from adapterhub.evaluate.fairness.findings import Findings
    from adapterhub.evaluate.fairness.pairs import identity_pairs
    from adapterhub.evaluate.fairness.subgroups import subgroups
    from adapterhub.tasks import task_of

    if asked.crows_pairs or asked.bbq:
        raise click.UsageError("--crows-pairs and --bbq are for language models", _context())
    task, words = task_of(adapter.manifest), identity_pairs(*asked.pairs)
    groups = chosen.column(asked.group, adapter.manifest, task) if asked.group is not None else []
    rows = chosen.read(adapter.manifest, task)
    with adapter.served(base_path) as answering:
        found = counterfactuals(answering, task, rows, words)
        made = Evaluation.of(answering, task, rows, chosen.split) if groups else None
    gap = subgroups(made, str(asked.group), groups) if made is not None else None
    return Findings(flips(found, chosen.split), gap), [one for one in found if one.flipped]


def _of_language_model(adapter: Opened, asked: Asked, base_path: Path | None) -> Findings:
    """CrowS-Pairs and BBQ on the bare base and on the adapter, on one engine."""
    from adapterhub.evaluate.fairness import bbq, crows_pairs
    from adapterhub.evaluate.fairness.findings import Findings
    from adapterhub.evaluate.fairness.likelihood import BeforeAfter

    if asked.crows_pairs is None and asked.bbq is None:
        raise DataError("nothing says what to ask this language model", "Name --crows-pairs FILE, --bbq FILE or both.")
    sentences = crows_pairs.read_pairs(asked.crows_pairs, asked.most) if asked.crows_pairs else []
    questions = bbq.read_questions(asked.bbq, asked.most) if asked.bbq else []
    found: dict[str, BeforeAfter] = {}
    categories: dict[str, tuple[float, int]] = {}
    with adapter.served(base_path) as answering:
        bare, worn = _Reader(answering.engine, None), _Reader(answering.engine, adapter.reference)
        if sentences:
            before, after = (crows_pairs.preferences(reader, sentences) for reader in (bare, worn))
            found[crows_pairs.NAME] = BeforeAfter.of(before, after, crows_pairs.summary, crows_pairs.NAME)
            categories = crows_pairs.by_category(after)
        if questions:
            replied, again = (bbq.replies(reader, questions) for reader in (bare, worn))
            found[bbq.NAME] = BeforeAfter.of(replied, again, bbq.summary, bbq.NAME)
    return Findings(likelihoods=found, categories=categories)


@dataclass(frozen=True)
class _Reader:
    """The engine that serves, as a reader of likelihoods: wearing an adapter, or none."""

    engine: Engine
    reference: str | None

    def log_likelihoods(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        """As the Protocol says."""
        return self.engine.log_likelihoods([(self.reference, prompt, text) for prompt, text in texts])


def _flipped(found: Sequence[Counterfactual]) -> Any:
    """The rows that flipped, to be read."""
    lines = [
        (
            one.number,
            shortened(one.row),
            f"{one.pair.first} ↔ {one.pair.second}",
            in_words(one.before),
            in_words(one.after),
        )
        for one in found[:MOST_SHOWN]
    ]
    return table(("row", "text", "exchanged", "before", "after"), lines)
