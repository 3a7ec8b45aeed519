"""The maths of a batch whose rows wear different adapters: tensors in, tensors out.

Every operation has a fast form and a slow, obvious twin in ``reference``. Knows nothing of models, files or tasks.
"""

from __future__ import annotations

from adapterhub.ops.attention import RowSpan, newest_token_attention, packed_attention
from adapterhub.ops.linear import BatchDeltas, LinearDelta, Segment, StackedDeltas, apply_deltas, gate_inputs

__all__ = [
    "BatchDeltas",
    "LinearDelta",
    "RowSpan",
    "Segment",
    "StackedDeltas",
    "apply_deltas",
    "gate_inputs",
    "newest_token_attention",
    "packed_attention",
]
