"""Lanes keep what each sequence read, whoever leaves, grows or fails beside it."""

from __future__ import annotations

import pytest
import torch

from adapterhub.ops import reference
from adapterhub.runtime.passes.cache import GRANULE, SMALLEST, Block, Filling, KeyValueCache, Lane, NewestTokens

LAYERS, KV_HEADS, WIDTH = 2, 2, 4


def read(
    cache: KeyValueCache, length: int, history: dict[int, list[torch.Tensor]], filler: float | None = None
) -> Lane:
    """A lane with `length` positions; `history` is told, per layer, the keys and values that it should hold."""
    lane = cache.open(length)
    for layer in range(LAYERS):
        keys, values = torch.randn(2, 1, KV_HEADS, length, WIDTH)
        if filler is not None:
            keys, values = torch.full_like(keys, filler), torch.full_like(values, filler)
        Filling(lane)(layer, keys, values)
        history[layer] = [keys[0], values[0]]
    lane.length = length
    return lane


def step(cache: KeyValueCache, lanes: list[Lane], histories: list[dict[int, list[torch.Tensor]]]) -> None:
    """One token for each lane, checked against the textbook over the whole history of each row alone."""
    for lane in lanes:
        cache.make_room(lane)
    attention = NewestTokens(lanes, torch.device("cpu"))
    for layer in range(LAYERS):
        query = torch.randn(1, 2 * KV_HEADS, len(lanes), WIDTH)
        key, value = torch.randn(2, 1, KV_HEADS, len(lanes), WIDTH)
        result = attention(layer, query, key, value, scale=None, causal=True, window=None)
        for row, history in enumerate(histories):
            own = (key[0, :, row : row + 1], value[0, :, row : row + 1])
            history[layer] = [torch.cat([old, new], 1) for old, new in zip(history[layer], own, strict=True)]
            keys, values = (part.unsqueeze(0) for part in history[layer])
            expected = reference.newest_token_attention(query[0, :, row].unsqueeze(0), keys, values, None, scale=None)
            torch.testing.assert_close(result[0, row], expected[0])
    for lane in lanes:
        lane.length += 1


def test_rows_keep_their_history_while_others_join_leave_and_outgrow_their_lanes() -> None:
    torch.manual_seed(0)
    cache = KeyValueCache()
    histories: list[dict[int, list[torch.Tensor]]] = [{} for _ in range(6)]
    lengths = [3, SMALLEST - 1, SMALLEST, 2 * SMALLEST - 2, 9, 1]
    lanes = [read(cache, length, history) for length, history in zip(lengths, histories, strict=True)]
    for _ in range(3):
        step(cache, lanes, histories)
    for gone in (0, 1):
        cache.close(lanes.pop(gone))
        histories.pop(gone)
        step(cache, lanes[::-1], histories[::-1])
    assert [lane.block.capacity for lane in lanes] == [2 * SMALLEST, 4 * SMALLEST, SMALLEST, SMALLEST]


@pytest.mark.parametrize("length", [GRANULE, SMALLEST], ids=["wider lanes", "another block"])
@pytest.mark.parametrize("room", range(2 * LAYERS))
def test_rows_that_found_no_memory_to_grow_in_are_continued_when_there_is_some(
    monkeypatch: pytest.MonkeyPatch, length: int, room: int
) -> None:
    """Some layers have room by then, and others have not."""
    torch.manual_seed(0)
    cache = KeyValueCache()
    histories: list[dict[int, list[torch.Tensor]]] = [{}, {}]
    lanes = [read(cache, size, history) for size, history in zip((length, 5), histories, strict=True)]
    grown, left = Block._grown, iter([True] * room)

    def as_far_as_it_goes(block: Block, *stores: torch.Tensor) -> torch.Tensor:
        if not next(left, False):
            raise RuntimeError("out of memory")
        return grown(block, *stores)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="out of memory"):
        patch.setattr(Block, "_grown", as_far_as_it_goes)
        step(cache, lanes, [{layer: list(parts) for layer, parts in history.items()} for history in histories])
    for _ in range(2):
        step(cache, lanes, histories)
    assert sum(len(block.lanes) for block in cache._blocks.values()) == len(lanes)


def test_what_is_not_a_number_stays_in_its_own_lane() -> None:
    cache = KeyValueCache()
    history: dict[int, list[torch.Tensor]] = {}
    kept = read(cache, 40, history)
    broken = read(cache, 60, {}, filler=float("nan"))
    moved: dict[int, list[torch.Tensor]] = {}
    lanes, histories = [kept, read(cache, 5, moved)], [history, moved]
    step(cache, lanes, histories)
    cache.close(broken)  # the last lane takes its place
    for _ in range(2):
        other: dict[int, list[torch.Tensor]] = {}
        lanes, histories = [*lanes, read(cache, 3, other)], [*histories, other]
        step(cache, lanes, histories)
        cache.close(read(cache, 60, {}, filler=float("nan")))  # the next lane is opened where it was


def test_the_memory_goes_with_the_last_lane() -> None:
    cache = KeyValueCache()
    lanes = [read(cache, 8, {}) for _ in range(3)]
    block = lanes[0].block
    for lane in lanes:
        cache.close(lane)
    assert cache.open(8).block is not block
