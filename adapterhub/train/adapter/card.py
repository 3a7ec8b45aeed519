"""The model card: what a reader must know of an adapter before using it, and what the Hub shows of it.

The front matter is the Hub's own, its figures included (``model-index``). A section can be written again without the
others. A card holds nothing of the machine that it was written on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from adapterhub.evaluate.report import FIGURES, Report
from adapterhub.tasks.data import Leakage
from adapterhub.tasks.heads import WRITES
from adapterhub.train.adapter.facts import Facts
from adapterhub.train.model.trainee import Trainee

MOST_CLASSES = 40  # rows of a table that is still read
MOST_MISTAKES = 8
CAPTIONS: Mapping[str, str] = {
    "confusion": "Which classes are taken for which; each row is a class of the test split.",
    "reliability": "How often answers given with such a score are right.",
}
"""A figure's name → what is under it; others are shown under their own name."""

POOLED: Mapping[str | None, str] = {
    "mean": "\nThe logits of a text are the mean of its tokens' logits, special tokens included.\n",
    "markers": '\nThe text is read with markers, "@ … @" around the head and "# … #" around the tail; the logits are\n'
    "the mean of those of the two opening markers.\n",
}
"""How plain `peft` gives what the engine answers, by the task's pooling."""


def card(student: Trainee, facts: Facts, folder: Path) -> str:
    """The card of the adapter in `folder`, whose figures are drawn already."""
    sections = {
        "": _what(student, facts),
        "Use": _use(facts),
        "Data": _data(facts),
        "Training": _training(student, facts),
        "Results": _results(facts),
        "Classes": _classes(facts.report),
        "Figures": _figures(folder),
        "Robustness and fairness": "Not measured. `adapterhub fairness FOLDER --card` measures it and writes it here.",
        "Limits": _limits(facts),
        "Licence": f"{facts.recipe.licence}; its data is {facts.recipe.data.licence}.",
    }
    body = "\n".join(_section(title, text) for title, text in sections.items() if text)
    return f"---\n{_header(facts).to_yaml()}\n---\n{body}"


def rewritten(text: str, title: str, section: str) -> str:
    """The card `text` with another content of the section `title`, which is added where there is none."""
    made = _section(title, section)
    found = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if not found.search(text):
        return f"{text.rstrip()}\n\n{made}"
    return found.sub(lambda _: f"{made}\n", text).rstrip() + "\n"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}\n" if title else f"{text}\n"


def _header(facts: Facts) -> ModelCardData:
    recipe, task = facts.recipe, facts.task
    return ModelCardData(
        base_model=facts.base.id,
        base_model_relation="adapter",
        library_name="peft",
        pipeline_tag=task.name,
        license=recipe.licence,
        language=list(recipe.languages) or None,
        labels=list(task.labels) or None,
        tags=["adapterhub", str(recipe.method.__struct_config__.tag)],
        model_name=recipe.name,
        eval_results=_eval_results(facts),
    )


def _eval_results(facts: Facts) -> list[EvalResult]:
    data = facts.recipe.data
    return [
        EvalResult(
            task_type=facts.task.name,
            dataset_type=data.hub.id if data.hub else data.name,
            dataset_name=data.name,
            dataset_config=data.hub.config if data.hub else None,
            dataset_revision=data.hub.revision if data.hub else None,
            dataset_split=value.split,
            metric_type=name,
            metric_name=name,
            metric_value=round(value.value, 4),
            metric_args={"low": round(value.low, 4), "high": round(value.high, 4), "rows": value.n},
        )
        for name, value in facts.report.metrics.items()
    ]


def _what(student: Trainee, facts: Facts) -> str:
    base, method = facts.base.id, facts.recipe.method.__struct_config__.tag
    return (
        f"# {facts.recipe.name}\n\n"
        f"A {method} adapter for {facts.task.name} on [{base}](https://huggingface.co/{base}),\n"
        f"{student.trainable_parameters:,} trained parameters ({student.trainable_share:.2%} of the backbone), "
        "head included."
    )


def _use(facts: Facts) -> str:
    task, base = facts.task, facts.base.id
    auto_class = task.model_class().__name__
    sized = f", num_labels={len(task.labels)}" if task.labels else ""
    labels = "Labels are in `manifest.json` and above, in the order of the head's outputs.\n\n" if task.labels else ""
    return f"""{labels}```python
from peft import PeftModel
from transformers import {auto_class}

base = {auto_class}.from_pretrained("{base}"{sized})
model = PeftModel.from_pretrained(base, "path/to/this/folder").eval()
```
{POOLED.get(task.pooling, "")}"""


def _data(facts: Facts) -> str:
    data = facts.recipe.data
    counts = ", ".join(f"{len(rows)} {split}" for split, rows in facts.splits.items())
    return f"{data.name} ({data.licence}): {counts} rows; {_overlap(facts.splits.leakage)}."


def _training(student: Trainee, facts: Facts) -> str:
    training, parent = facts.recipe.training, facts.parent
    begun = f"It began with {parent}. " if parent else ""
    return (
        f"{begun}At most {training.epochs:g} epochs of batches of {training.batch_size} rows, {training.optimizer} at "
        f"{training.learning_rate:g}, seed {training.seed}; the epoch that is best by the validation rows was kept. "
        "The whole recipe is in `manifest.json`."
    )


def _results(facts: Facts) -> str:
    figures = facts.report.metrics
    rows = "\n".join(f"| {name} | {facts.before[name]} | {after} |" for name, after in figures.items())
    measured = facts.report.calibration
    error = f"\n\nThe expected calibration error of its scores is {measured.error:.3f} (15 bins)." if measured else ""
    untrained = "itself" if facts.task.head_kind in WRITES else "with an untrained head"
    return (
        f"Test split, {len(facts.splits.test)} rows, 95% bootstrap interval; before is the base {untrained}."
        f"\n\n| metric | before | after |\n| --- | --- | --- |\n{rows}{error}"
    )


def _classes(report: Report) -> str:
    if not report.classes:
        return ""
    shown = sorted(report.classes, key=lambda one: one.f1)[:MOST_CLASSES]
    chosen = shown if len(shown) < len(report.classes) else report.classes
    left = f"The {len(shown)} of {len(report.classes)} classes with the lowest F1.\n\n" if chosen is shown else ""
    rows = "\n".join(
        f"| {_cell(one.label)} | {one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f} | {one.support} |"
        for one in chosen
    )
    table = f"{left}| class | precision | recall | F1 | in the test split |\n| --- | --- | --- | --- | --- |\n{rows}"
    mistakes = report.confusion.mistakes(MOST_MISTAKES) if report.confusion else []
    if not mistakes:
        return table
    told = "; ".join(f"{_cell(right)} taken for {_cell(answered)} ({count})" for right, answered, count in mistakes)
    return f"{table}\n\nMost frequent mistakes: {told}."


def _cell(text: str) -> str:
    """Data may hold what means something in a table."""
    return " ".join(text.replace("|", "\\|").split())


def _figures(folder: Path) -> str:
    return "\n\n".join(
        f"![{path.stem}]({FIGURES}/{path.name})\n\n{CAPTIONS.get(path.stem, path.stem)}"
        for path in sorted((folder / FIGURES).glob("*.png"))
    )


def _limits(facts: Facts) -> str:
    languages = ", ".join(facts.recipe.languages)
    cut = getattr(facts.task.options, "max_length", None)
    limits = [f"Its figures hold for rows like those of {facts.recipe.data.name}; elsewhere it may do worse."]
    limits += [f"It was trained on {languages} and not tested on other languages."] if languages else []
    limits += (
        ["It answers every row with classes that it knows, also where none fits."] if facts.task.has_classes else []
    )
    limits += [f"It was trained on inputs of at most {cut} tokens."] if cut else []
    return "\n".join(f"- {limit}" for limit in limits)


def _overlap(leakage: Leakage) -> str:
    """What a reader must know of rows in two splits, without a machine's paths."""
    near = "the same" if leakage.threshold == 1 else f"alike to {leakage.threshold:g} or more"
    left = len(leakage.leaks) - leakage.dropped
    return f"{left or 'no'} rows are in two splits ({near})"
