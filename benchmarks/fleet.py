"""Thousands of published adapters of one form: LoRA of rank 8 on query and value, each with a head of its own.

Plain `peft` makes and saves the first; the others are the same folder with fresh random tensors under the same names,
which is all that training would change. They are published as any adapter is, and a registry that is kept holds them
for the next run.
"""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from adapterhub.backbone import Backbone, locate
from benchmarks import adapters
from benchmarks.contenders import plain
from registry import Facts, Registry, RegistryError, Version

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LABELS = ("no", "yes")
RANK = 8
TARGETS = ["query", "value"]


class Fleet:
    """Adapters by number, in one registry; the same number has the same tensors everywhere."""

    def __init__(self, registry: Registry, backbone: Backbone) -> None:
        self.registry = registry
        identity = backbone.identity
        self._base = locate(identity.id).folder
        self._facts = Facts(
            base=identity.id,
            task="text-classification",
            licence="apache-2.0",
            labels=LABELS,
            fingerprint=identity.fingerprint,
            tokenizer_fingerprint=identity.tokenizer_fingerprint,
            architecture=identity.architecture,
        )

    def names(self, count: int, say: Callable[[str], None]) -> list[str]:
        """The names of the first `count`, all of them published afterwards; `say` is told how far it is."""
        names = [f"benchmarks/qv{RANK}-{number:05}" for number in range(count)]
        first = bisect_left(names, True, key=lambda name: not self._has(name))  # they are published in this order
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(first, count):
                self._publish(Path(scratch), number, names[number], "1.0.0")
                if number % 1000 == 999:
                    say(f"published {number + 1} of {count} adapters")
        return names

    def versions(self, repository: str, count: int) -> list[Version]:
        """`count` versions of one repository, 1.0.0 and on; other content than any of `names`."""
        with tempfile.TemporaryDirectory() as scratch:
            return [self._publish(Path(scratch), -1 - index, repository, f"1.0.{index}") for index in range(count)]

    def _has(self, name: str) -> bool:
        try:
            self.registry.resolve(name)
        except RegistryError:
            return False
        return True

    def _publish(self, scratch: Path, number: int, repository: str, version: str) -> Version:
        folder, template = scratch / "adapter", scratch / "template"
        if not template.exists():
            self._save_template(template)
            folder.mkdir()
            shutil.copy(template / CONFIG, folder / CONFIG)
        generator = torch.Generator().manual_seed(2**32 + number)
        tensors = load_file(template / WEIGHTS)
        fresh = {name: adapters.random_values(name, start, generator) for name, start in tensors.items()}
        save_file(fresh, folder / WEIGHTS, metadata={"format": "pt"})
        return self.registry.publish(folder, repository, version, facts=self._facts)

    def _save_template(self, folder: Path) -> None:
        config = LoraConfig(task_type="SEQ_CLS", r=RANK, lora_alpha=2 * RANK, target_modules=TARGETS)
        get_peft_model(plain.classifier(self._base, len(LABELS)), config).save_pretrained(folder)
