"""What makes one state of a row's hidden states, where an encoder was trained to.

BERT's pooler is a module that does all of it. ALBERT's and BigBird's is a linear layer alone, and the model itself
hands it the first token and takes its outcome through an activation that stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS = ("pooler_activation", "activation")
"""What ALBERT and BigBird call what they put behind a linear pooler."""


@dataclass(frozen=True)
class Pooler:
    """``[n, T, hidden] -> [n, hidden]`` over each row's first token.

    Attributes:
        module: what the base calls its ``pooler``, which adapters reach by that name.
        activation: what stands behind it, where it is the linear layer alone; else None.
    """

    module: nn.Module
    activation: nn.Module | None = None

    def __call__(self, hidden: Tensor) -> Tensor:
        """Of the hidden states of rows."""
        if self.activation is None:
            return self.module(hidden)  # type: ignore[no-any-return]
        return self.activation(self.module(hidden[:, 0]))  # type: ignore[no-any-return]

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """The pooler and its parts, by their names in the base."""
        yield from ((f"pooler.{name}" if name else "pooler", part) for name, part in self.module.named_modules())

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Its parameters, by their names in the base."""
        yield from ((f"pooler.{name}", parameter) for name, parameter in self.module.named_parameters())


def taken_pooler(base: Any) -> Pooler | None:
    """Take the pooler out of `base`; None where none makes one state of a row."""
    module: nn.Module | None = getattr(base, "pooler", None)
    if module is None:
        return None
    base.pooler = None
    behind = (getattr(base, name, None) for name in ACTIVATIONS)
    linear = isinstance(module, nn.Linear)
    pooler = Pooler(module, next((part for part in behind if isinstance(part, nn.Module)), None) if linear else None)
    weight = next(module.parameters())
    with torch.inference_mode():
        pooled = pooler(torch.zeros(1, 2, base.config.hidden_size, dtype=weight.dtype, device=weight.device))
    return pooler if pooled.dim() == 2 else None
