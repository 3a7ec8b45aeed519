"""A GGUF file made into an ordinary safetensors base, once, under the home.

transformers dequantizes a GGUF file but refuses to save the result ("quantized with gguf"), so the dequantized
tensors are written by a fresh model of the same config. The outcome is keyed by the file's sha256: it is another base,
with another fingerprint, than the weights that the file was quantized from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from adapterhub import settings
from adapterhub.errors import BackboneError, MissingDependency


def converted(file: Path) -> Path:
    """The folder of the converted base; converts on the first call, which takes seconds to minutes.

    Raises:
        MissingDependency: the package ``gguf`` is not installed.
        BackboneError: transformers cannot read the file.
    """
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = settings.home() / "bases" / digest
    if not (folder / "config.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = folder.with_name(f"{digest}.{os.getpid()}.tmp")
        try:
            _convert(file, building)
            _move(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return folder


def _move(building: Path, folder: Path) -> None:
    """Name the finished folder; another process may have finished the same one first, which is as good."""
    try:
        building.rename(folder)
    except OSError:
        if not (folder / "config.json").is_file():
            raise


def _convert(file: Path, target: Path) -> None:
    try:
        import gguf  # noqa: F401  (transformers needs it, and says so less clearly)
    except ImportError as error:
        raise MissingDependency(
            "the package gguf, which reads this base, is not installed", "pip install gguf"
        ) from error
    from adapterhub.backbone.quiet import quiet

    with quiet():
        _dequantize(file, target)


def _dequantize(file: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (ValueError, OSError, RuntimeError) as error:
        raise BackboneError(
            f"{file.name} cannot be converted: {error}", "Use the safetensors weights of this base."
        ) from error
    config = model.config
    del config.quantization_config
    plain = type(model)(config)
    plain.load_state_dict(model.state_dict())
    plain.generation_config = model.generation_config
    plain.save_pretrained(target)
    tokenizer.save_pretrained(target)
