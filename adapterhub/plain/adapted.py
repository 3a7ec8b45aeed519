"""An adapter's folder on its base as plain `peft` opens it, by nothing but PEFT's own files and the manifest's task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from adapterhub.backbone import locate
from adapterhub.backbone.match import refuse_other_base
from adapterhub.backbone.quiet import quiet
from adapterhub.errors import AdapterError
from adapterhub.plain.base import load_base
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.tasks import task_of
from registry import Manifest


def open_adapter(folder: Path, base: Path | None = None) -> ModelPredictor:
    """The adapter in `folder`, in evaluation mode and 32-bit floats; it lies on the accelerator where there is one.

    Args:
        base: the base's folder or GGUF file, where its id alone does not find it.

    Raises:
        AdapterError: it was trained on other weights than are here, or `peft` cannot open it.
        BackboneError: the base is not here, or cannot be loaded with such a head.
    """
    manifest = Manifest.read(folder)
    task = task_of(manifest)
    with quiet():
        source = locate(manifest.base.id, base, manifest.base.revision)
        refuse_other_base(manifest.base, source.identity())
        bare = load_base(source.folder, task)
        try:
            model: Any = PeftModel.from_pretrained(bare.model, str(folder))
        except (ValueError, RuntimeError) as error:
            raise AdapterError(
                f"peft cannot open this adapter: {str(error)[:300]}", "Evaluate it by the engine."
            ) from error
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    return ModelPredictor(model.to(device).eval().requires_grad_(False), task, bare.tokenizer)
