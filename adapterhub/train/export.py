"""The adapter folder: what training hands on, and all that registry and runtime ever see of it.

PEFT writes the weights and its configuration; this module corrects what PEFT gets wrong for a folder that travels (the
base is named by its Hub id, never by a path; lists are sorted, so that the same run gives the same bytes), and adds the
manifest and the model card.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from huggingface_hub import ModelCardData

from adapterhub.backbone import BaseIdentity
from adapterhub.evaluate import MetricValue
from adapterhub.recipe import Recipe
from adapterhub.tasks import PROMPT_OPTIONS, Task
from adapterhub.tasks.data import Leakage, Splits, fingerprint
from adapterhub.tasks.heads import WRITES
from adapterhub.train.methods import manifest_method
from adapterhub.train.trainee import Trainee
from registry.manifest import complete

POOLED: Mapping[str | None, str] = {
    "mean": "\nThe logits of a text are the mean of its tokens' logits, special tokens included.\n",
    "markers": '\nThe text is read with markers, "@ … @" around the head and "# … #" around the tail; the logits are\n'
    "the mean of those of the two opening markers.\n",
}
"""How plain `peft` gives what the engine answers, by the task's pooling."""
LIBRARIES = ("adapterhub", "torch", "transformers", "peft")


@dataclass(frozen=True)
class Facts:
    """What a run knows of its adapter besides the weights. `parent` is the digest of the version it started from."""

    recipe: Recipe
    task: Task
    splits: Splits
    base: BaseIdentity
    before: Mapping[str, MetricValue]
    after: Mapping[str, MetricValue]
    parent: str | None


def write(student: Trainee, facts: Facts, folder: Path) -> str:
    """Write the adapter into `folder`, replacing what is there, and return the digest of its manifest."""
    shutil.rmtree(folder, ignore_errors=True)
    student.model.save_pretrained(str(folder), save_embedding_layers=False)
    _rewrite_config(folder / "adapter_config.json", facts.base)
    (folder / "README.md").write_text(_card(student, facts), encoding="utf-8")
    return str(complete(folder, _document(student, facts)).digest)


def _rewrite_config(path: Path, base: BaseIdentity) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.id
    config["revision"] = base.revision
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key] = sorted(set(config[key]))
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _document(student: Trainee, facts: Facts) -> dict[str, Any]:
    """The manifest but for its files, which the registry adds."""
    recipe, task = facts.recipe, facts.task
    options = msgspec.to_builtins(task.options)
    prompt = {name: options.pop(name) for name in PROMPT_OPTIONS if name in options}
    return {
        "schema_version": 1,
        "task": {"name": task.name, "options": options},
        "method": manifest_method(recipe.method),
        "base": asdict(facts.base),
        "head": {
            "kind": task.head_kind,
            "labels": list(task.labels),
            "problem_type": task.problem_type,
            "pooling": task.pooling,
        },
        "prompt": prompt or None,
        "metrics": {
            "before": {name: asdict(value) for name, value in facts.before.items()},
            "after": {name: asdict(value) for name, value in facts.after.items()},
        },
        "data": [
            {
                "name": recipe.data.name,
                "split": split,
                "rows": len(rows),
                "fingerprint": fingerprint(rows),
                "licence": recipe.data.licence,
            }
            for split, rows in facts.splits.items()
        ],
        "parents": [{"digest": facts.parent, "relation": "retrained"}] if facts.parent else [],
        "licence": recipe.licence,
        "languages": list(recipe.languages),
        "library": {name: version(name) for name in LIBRARIES},
        "recipe": recipe.portable_text(),
        "trainable_parameters": student.trainable_parameters,
    }


def _card(student: Trainee, facts: Facts) -> str:
    recipe, task = facts.recipe, facts.task
    header = ModelCardData(
        base_model=facts.base.id,
        base_model_relation="adapter",
        library_name="peft",
        pipeline_tag=task.name,
        license=recipe.licence,
        language=list(recipe.languages) or None,
        labels=list(task.labels) or None,
        tags=["adapterhub", str(recipe.method.__struct_config__.tag)],
    )
    rows = "\n".join(f"| {name} | {facts.before[name]} | {after} |" for name, after in facts.after.items())
    counts = ", ".join(f"{len(rows)} {split}" for split, rows in facts.splits.items())
    untrained = "itself" if task.head_kind in WRITES else "with an untrained head"
    auto_class = task.model_class().__name__
    sized = f", num_labels={len(task.labels)}" if task.labels else ""
    labels = "Labels are in `manifest.json` and above, in the order of the head's outputs.\n\n" if task.labels else ""
    return f"""---
{header.to_yaml()}
---
# {recipe.name}

A {recipe.method.__struct_config__.tag} adapter for {task.name} on [{facts.base.id}](https://huggingface.co/{facts.base.id}),
{student.trainable_parameters:,} trained parameters ({student.trainable_share:.2%} of the backbone), head included.

## Results

Test split, {len(facts.splits.test)} rows, 95% bootstrap interval; before is the base {untrained}.

| metric | before | after |
| --- | --- | --- |
{rows}

## Data

{recipe.data.name} ({recipe.data.licence}): {counts} rows; {_overlap(facts.splits.leakage)}.

## Use

{labels}```python
from peft import PeftModel
from transformers import {auto_class}

base = {auto_class}.from_pretrained("{facts.base.id}"{sized})
model = PeftModel.from_pretrained(base, "path/to/this/folder").eval()
```
{POOLED.get(task.pooling, "")}"""


def _overlap(leakage: Leakage) -> str:
    """What a reader must know of rows in two splits, without a machine's paths."""
    near = "the same" if leakage.threshold == 1 else f"alike to {leakage.threshold:g} or more"
    left = len(leakage.leaks) - leakage.dropped
    return f"{left or 'no'} rows are in two splits ({near})"
