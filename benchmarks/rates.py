"""How fast this machine multiplies and reads, measured beside the contenders: what no implementation can beat."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.harness import Contender

READ_BYTES = 256 * 2**20  # more than any cache holds


def multiplying(model: Any, targets: tuple[str, ...], tokens: int) -> tuple[Contender, int]:
    """The backbone's own linear modules that adapters target, one after another over `tokens`, and their operations."""
    modules = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.endswith(tuple(f".{target}" for target in targets))
    ]
    inputs = {width: torch.randn(tokens, width) for width in {module.in_features for module in modules}}

    def step() -> list[Tensor]:
        for module in modules:
            functional.linear(inputs[module.in_features], module.weight, module.bias)
        return []

    return Contender("multiplying", step), sum(2 * tokens * module.weight.numel() for module in modules)


def reading() -> tuple[Contender, int]:
    """A long array read once, from its beginning to its end, and its bytes."""
    array = torch.ones(READ_BYTES // 4)
    return Contender("reading", lambda: [array.dot(array)]), array.nbytes
