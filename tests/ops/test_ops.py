"""Each operation equals its equation, executed by the slow twin, over named popularities of adapters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from adapterhub.ops import (
    BatchDeltas,
    LinearDelta,
    RowSpan,
    Segment,
    apply_deltas,
    gate_inputs,
    newest_token_attention,
    packed_attention,
    reference,
)

POPULARITY = {
    "identical": [(0, 12)],
    "distinct": [(index, index + 1) for index in range(12)],
    "skewed": [(0, 9), (9, 10), (11, 12)],
    "none": [],
}


def delta(n_in: int, n_out: int, rank: int, *, full: bool, dtype: torch.dtype = torch.float64) -> LinearDelta:
    parts = [torch.randn(n_in, rank), torch.randn(rank, n_out), torch.rand(n_out) + 0.5, torch.randn(n_out)]
    a, b, gain, offset = (part.to(dtype) for part in parts)
    if not full:
        return LinearDelta(a=a, b=b, scale=2.0)
    return LinearDelta(a=a, b=b, scale=0.25, gain=gain, offset=offset)


@pytest.mark.parametrize("popularity", POPULARITY)
@pytest.mark.parametrize("full", [False, True], ids=["lora", "dora"])
def test_deltas_equal_their_equation(popularity: str, full: bool) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(12, 5, dtype=torch.float64), torch.randn(12, 7, dtype=torch.float64)
    segments = [(i, j, delta(5, 7, 1 + i % 4, full=full)) for i, j in POPULARITY[popularity]]
    expected = reference.apply_deltas(y, x, segments)
    result = apply_deltas(y, x, segments)
    assert result is y
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("popularity", POPULARITY)
@pytest.mark.parametrize("ids", [False, True], ids=["linear", "embedding"])
def test_a_batch_of_all_forms_equals_its_equation_stacked_or_not(popularity: str, ids: bool) -> None:
    """LoRA of two ranks, DoRA, IA³ of both kinds; as neighbours, so that some can be stacked and some cannot."""
    torch.manual_seed(0)
    x = torch.randint(5, (12,)) if ids else torch.randn(12, 5, dtype=torch.float64)
    y = torch.randn(12, 7, dtype=torch.float64)
    forms = [
        lambda: delta(5, 7, 2, full=False),
        lambda: delta(5, 7, 3, full=True),
        lambda: LinearDelta(gain=torch.rand(7, dtype=torch.float64)),
        lambda: LinearDelta(gate=None if ids else torch.rand(5, dtype=torch.float64)),
    ]
    for shift in range(4):
        segments: list[Segment] = [(i, j, forms[(i // 4 + shift) % 4]()) for i, j in POPULARITY[popularity]]
        expected = reference.apply_deltas(y, x, segments)
        gated = x if ids or not segments else reference.gate_inputs(x, segments)
        for stack_in in (None, torch.float64):
            batch = BatchDeltas(segments, stack_in)
            result = y.clone()
            batch.apply(result, x)
            torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
            if not ids:
                torch.testing.assert_close(batch.gated(x), gated, rtol=0, atol=1e-12)
                torch.testing.assert_close(gate_inputs(x, segments), gated, rtol=0, atol=1e-12)


def test_gating_leaves_the_input_that_others_read_as_it_was() -> None:
    x = torch.randn(8, 4)
    before = x.clone()
    segments: list[Segment] = [(row, row + 1, LinearDelta(gate=torch.rand(4))) for row in range(6)]
    for stack_in in (None, torch.float32):
        assert not torch.equal(BatchDeltas(segments, stack_in).gated(x), before)
        assert torch.equal(x, before)


def test_rows_outside_every_segment_keep_their_bits() -> None:
    x, y = torch.randn(6, 4), torch.randn(6, 4)
    before = y.clone()
    apply_deltas(y, x, [(2, 4, delta(4, 4, 2, full=True, dtype=torch.float32))])
    assert torch.equal(y[:2], before[:2]) and torch.equal(y[4:], before[4:])
    assert not torch.equal(y[2:4], before[2:4])


def test_a_float32_adapter_over_a_bfloat16_base_is_added_in_float32_and_rounded_once() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(6, 8).bfloat16(), torch.randn(6, 8).bfloat16()
    wide = delta(8, 8, 4, full=False, dtype=torch.float32)
    expected = (y.float() + 2.0 * (x.float() @ wide.a @ wide.b)).bfloat16()
    assert torch.equal(apply_deltas(y, x, [(0, 6, wide)]), expected)


def test_deltas_are_differentiable() -> None:
    x = torch.randn(4, 3, dtype=torch.float64)
    a, b = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 2), (2, 3)))

    def run(a: Tensor, b: Tensor) -> Tensor:
        return apply_deltas(torch.zeros(4, 3, dtype=torch.float64) * a.sum(), x, [(1, 3, LinearDelta(a=a, b=b))])

    assert torch.autograd.gradcheck(run, (a, b))


@pytest.mark.parametrize("causal", [False, True], ids=["encoder", "decoder"])
@pytest.mark.parametrize("kv_heads", [4, 2], ids=["multi-head", "grouped"])
@pytest.mark.parametrize("lengths", [[5], [1, 4, 2], [3, 1, 1, 6]], ids=str)
def test_packed_attention_equals_the_textbook(causal: bool, kv_heads: int, lengths: list[int]) -> None:
    torch.manual_seed(0)
    tokens = sum(lengths)
    query = torch.randn(1, 4, tokens, 8, dtype=torch.float64)
    key, value = (torch.randn(1, kv_heads, tokens, 8, dtype=torch.float64) for _ in range(2))
    rows, start = [], 0
    for index, length in enumerate(lengths):
        front = torch.randn(2, 1, kv_heads, index, 8, dtype=torch.float64)

        def in_front(layer: int, k: Tensor, v: Tensor, front: Tensor = front) -> tuple[Tensor, Tensor]:
            return torch.cat([front[0], k], 2), torch.cat([front[1], v], 2)

        rows.append(RowSpan(start, start + length, in_front if index % 2 else None))
        start += length
    for scale, window in ((None, None), (0.3, None), (None, 3), (None, 1)):
        result = packed_attention(query, key, value, rows, 0, scale=scale, causal=causal, window=window)
        expected = reference.packed_attention(query, key, value, rows, 0, scale=scale, causal=causal, window=window)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kv_heads", [4, 2], ids=["multi-head", "grouped"])
@pytest.mark.parametrize("masked", [False, True], ids=["all", "some"])
def test_attention_of_the_newest_tokens_equals_the_textbook(kv_heads: int, masked: bool) -> None:
    torch.manual_seed(0)
    query = torch.randn(5, 4, 8, dtype=torch.float64)
    keys, values = (torch.randn(5, kv_heads, 6, 8, dtype=torch.float64) for _ in range(2))
    visible = torch.arange(6)[None, :] <= torch.tensor([[0], [2], [5], [3], [1]]) if masked else None
    result = newest_token_attention(query, keys, values, visible, scale=0.3)
    expected = reference.newest_token_attention(query, keys, values, visible, scale=0.3)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
