"""Plain `peft` around one classifier: adapters loaded into it one after another, and the oracle of their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor

from benchmarks.contenders import plain


class PeftClassifier:
    """A `PeftModel` of its own, which keeps all adapters that are loaded into it."""

    def __init__(self, base: Path, labels: int) -> None:
        """Load the base; the first adapter makes a `PeftModel` of it."""
        self._base = plain.classifier(base, labels)
        self._model: Any = None

    def load(self, folder: Path, name: str) -> None:
        """Load an adapter's folder as its user would."""
        if self._model is None:
            self._model = PeftModel.from_pretrained(self._base, folder, name).eval()
        else:
            self._model.load_adapter(folder, name)

    @torch.inference_mode()
    def logits(self, name: str, row: list[int]) -> Tensor:
        """What adapter `name` makes of one row of token ids by itself: ``[labels]``."""
        self._model.set_adapter(name, inference_mode=True)
        logits: Tensor = self._model(input_ids=torch.tensor([row])).logits
        return logits[0]

    def head_logits(self, name: str, row: list[int]) -> Tensor:
        """The same with the adapter's head alone, its LoRA scaled to nothing."""
        layers = [module for module in self._model.modules() if isinstance(module, LoraLayer)]
        scaling = layers[0].scaling[name]
        for layer in layers:
            layer.scaling[name] = 0.0
        try:
            return self.logits(name, row)
        finally:
            for layer in layers:
                layer.scaling[name] = scaling
