"""The maths of a batch whose rows wear different adapters: tensors in, tensors out.

Every operation has a fast form and a slow, obvious twin in ``reference``. Knows nothing of models, files or tasks.
"""

from __future__ import annotations

from adapterhub.ops.attention import RowSpan, packed_attention
from adapterhub.ops.lora import LinearDelta, Segment, apply_deltas

__all__ = ["LinearDelta", "RowSpan", "Segment", "apply_deltas", "packed_attention"]
