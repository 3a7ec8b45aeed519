"""An IA³ file read against a backbone: vectors that multiply what goes into a module or what comes out of it.

Liu et al. 2022, arXiv 2205.05638, as PEFT 0.21 saves it.
"""

from __future__ import annotations

from collections.abc import Mapping

from peft import IA3Config
from peft.tuners.ia3 import IA3Model
from torch import Tensor, nn

from adapterhub.errors import AdapterError
from adapterhub.ops import LinearDelta
from adapterhub.runtime.adapters.targets import LINEAR, check_shapes, targeted_modules, weight_of
from adapterhub.tasks.heads import TaskShell

VECTOR = ".ia3_l"


def read_ia3(
    config: IA3Config, tensors: Mapping[str, Tensor], shell: TaskShell, modules: Mapping[str, nn.Module]
) -> dict[str, LinearDelta]:
    """The deltas of an adapter by the names of the backbone's modules: a gate for a feed-forward module, else a gain.

    Args: see `targeted_modules`.

    Raises:
        AdapterError: a targeted module is not in the file, not linear or not in the backbone, or a vector is misshapen.
    """
    deltas: dict[str, LinearDelta] = {}
    for name, own, module, parts in targeted_modules(config, tensors, (VECTOR,), shell, modules):
        if not isinstance(module, LINEAR):
            raise AdapterError(f"target_modules selects {name}, an embedding", "IA³ is served on linear modules.")
        outputs, inputs = weight_of(module).shape
        feed_forward = IA3Model._check_target_module_feedforward(config, name)
        shape = (1, inputs) if feed_forward else (outputs, 1)
        check_shapes(name, parts, {VECTOR: shape}, "Check feedforward_modules, and that it was trained on this base.")
        vector = parts[VECTOR].flatten().clone()
        deltas[own] = LinearDelta(gate=vector) if feed_forward else LinearDelta(gain=vector)
    return deltas
