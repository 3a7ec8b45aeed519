"""A published adapter as a plain `peft` model on a base of its own: what gradients can be taken of.

Knows sequence classifiers, of one label, several or a number. Other heads answer with more than one decision a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer

from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from adapterhub.errors import AdapterError
from adapterhub.tasks import Task, task_of
from registry import Manifest

READ = "sequence-classification"


@dataclass(frozen=True)
class Explained:
    """The model in evaluation mode, in 32-bit floats, its tokenizer and its task."""

    model: Any
    tokenizer: Any
    task: Task


def open_adapter(folder: Path, base: Path | None = None) -> Explained:
    """The adapter in `folder` on its base, which is at `base` where its id alone does not find it.

    Raises:
        AdapterError: it has another head than a sequence classifier's, or was trained on other weights than are here.
        BackboneError: the base is not here.
    """
    manifest = Manifest.read(folder)
    if manifest.head.kind != READ:
        raise AdapterError(
            f"{manifest.task.name} is not explained: its head is {manifest.head.kind}, not {READ}",
            "Explain an adapter that answers a row with a label, several labels or a number.",
        )
    task = task_of(manifest)
    with quiet():
        source = locate(manifest.base.id, base, manifest.base.revision)
        found = source.identity().fingerprint
        if manifest.base.fingerprint not in (None, found):
            raise AdapterError(
                f"the adapter was trained on other weights of {manifest.base.id} ({manifest.base.fingerprint}) than "
                f"are here ({found})",
                "Name the base's folder: --base-path.",
            )
        tokenizer: Any = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
        plain = task.model_class().from_pretrained(
            source.folder,
            num_labels=len(task.labels),
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
        )
        model: Any = PeftModel.from_pretrained(plain, str(folder)).eval().requires_grad_(False)
    return Explained(model, tokenizer, task)
