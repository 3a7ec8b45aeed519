"""The adapter folder: what training hands on, and all that registry and runtime ever see of it.

PEFT writes the weights and its configuration; this module corrects what PEFT gets wrong for a folder that travels (the
base is named by its Hub id, never by a path; lists are sorted, so that the same run gives the same bytes), and adds the
manifest, the figures and the model card.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from adapterhub.backbone import BaseIdentity
from adapterhub.evaluate.figures import draw
from adapterhub.evaluate.report import FIGURES
from adapterhub.tasks import PROMPT_OPTIONS
from adapterhub.tasks.data import fingerprint
from adapterhub.train.adapter.card import card, rewritten
from adapterhub.train.adapter.facts import Facts
from adapterhub.train.model.methods import manifest_method
from adapterhub.train.model.trainee import Trainee
from registry import Manifest
from registry.manifest import complete

WEIGHTS = "adapter_model.safetensors"
LIBRARIES = ("adapterhub", "torch", "transformers", "peft")


def write(student: Trainee, facts: Facts, folder: Path) -> str:
    """Write the adapter into `folder`, replacing what is there, and return the digest of its manifest.

    Its figures are drawn where matplotlib is installed: a run does not fail in the end for want of a picture.
    """
    shutil.rmtree(folder, ignore_errors=True)
    _save(student, folder)
    config = _rewritten_config(folder / "adapter_config.json", facts.base)
    if find_spec("matplotlib"):
        draw(facts.report, folder / FIGURES)
    (folder / "README.md").write_text(card(student, facts, folder), encoding="utf-8")
    return str(complete(folder, _document(student, facts, config)).digest)


def rewrite_section(folder: Path, title: str, section: str) -> str:
    """Write a section of the card of a run or adapter folder again, and return the digest of the manifest that is then.

    Raises:
        RegistryError: the folder holds no complete adapter.
    """
    folder = folder / "adapter" if (folder / "adapter").is_dir() else folder
    document = dict(Manifest.read(folder).document)
    readme = folder / "README.md"
    readme.write_text(rewritten(readme.read_text(encoding="utf-8"), title, section), encoding="utf-8")
    return str(complete(folder, document).digest)


def _save(student: Trainee, folder: Path) -> None:
    """PEFT's files; what was not trained from zero is converted to plain LoRA on the base as it is, by PEFT too."""
    model, initial = student.model, student.initial
    if initial is None:
        model.save_pretrained(str(folder), save_embedding_layers=False)
        return
    trained = get_peft_model_state_dict(model, save_embedding_layers=False)
    with tempfile.TemporaryDirectory() as scratch:
        start = Path(scratch, "initial")
        start.mkdir()
        save_file(dict(initial), start / WEIGHTS)
        model.save_pretrained(
            str(folder), save_embedding_layers=False, path_initial_model_for_weight_conversion=str(start)
        )
    converted = load_file(folder / WEIGHTS)  # in which PEFT 0.21 leaves out all but LoRA's own tensors: the head
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.items()}
    save_file({**tensors, **converted}, folder / WEIGHTS, metadata={"format": "pt"})


def _rewritten_config(path: Path, base: BaseIdentity) -> dict[str, Any]:
    """Correct PEFT's configuration in its place, and return it."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.id
    config["revision"] = base.revision
    for key in ("target_modules", "feedforward_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key] = sorted(set(config[key]))
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return config


def _document(student: Trainee, facts: Facts, config: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest but for its files, which the registry adds."""
    recipe, task = facts.recipe, facts.task
    options = msgspec.to_builtins(task.options)
    prompt = {name: options.pop(name) for name in PROMPT_OPTIONS if name in options}
    return {
        "schema_version": 1,
        "task": {"name": task.name, "options": options},
        "method": manifest_method(recipe.method, config),
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
            "after": {name: asdict(value) for name, value in facts.report.metrics.items()},
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
