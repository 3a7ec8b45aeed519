"""One block an adapter: the same numbers and layouts, copied once, on another device too."""

from __future__ import annotations

import gc
import itertools

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.runtime.adapters.adapter import AdapterLoader
from adapterhub.runtime.adapters.memory import compact, on_device
from tests.runtime.conftest import RECIPES, Shelf

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_a_compact_adapter_has_the_same_tensors_in_one_block(backbone: Backbone, shelf: Shelf, name: str) -> None:
    loaded = AdapterLoader(backbone).load(shelf.registry.pull(f"acme/{name}"))
    made = compact(loaded, CPU)
    assert made.block is not None and made.nbytes() == made.block.nbytes
    start, stop = made.block.data_ptr(), made.block.data_ptr() + made.block.nbytes
    pairs = list(zip(loaded.tensors(), made.tensors(), strict=True))
    assert pairs
    for old, new in pairs:
        assert torch.equal(old, new) and old.dtype == new.dtype
        assert new.stride() == old.clone().stride()
        assert start <= new.data_ptr() and new.data_ptr() + new.nbytes <= stop and new.data_ptr() % 64 == 0
        assert old.data_ptr() != new.data_ptr()
    places = sorted((new.data_ptr(), new.data_ptr() + new.nbytes) for _, new in pairs)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places)), "none overlap"
    assert made.form == loaded.form and made.digest == loaded.digest


def test_an_adapter_in_memory_is_its_tensors_and_little_else(backbone: Backbone, shelf: Shelf) -> None:
    """What each of thousands keeps alive beside its numbers is what stays with the process once they are gone."""
    loader, folder = AdapterLoader(backbone), shelf.registry.pull("acme/dora")
    compact(loader.load(folder), CPU)  # what all adapters share is there from now on

    def alive() -> tuple[int, int]:
        gc.collect()
        things = gc.get_objects()
        return sum(type(thing) is torch.Tensor for thing in things), sum(type(thing) is dict for thing in things)

    tensors, dicts = alive()
    made = compact(loader.load(folder), CPU)
    after = alive()
    assert after[0] - tensors == len(made.tensors()) + 1, "and the block"
    assert after[1] - dicts <= 8, "none for each module, none for the manifest's document"


def test_moving_a_compact_adapter_keeps_shapes_types_and_layouts(backbone: Backbone, shelf: Shelf) -> None:
    """The meta device stands for a GPU, which is not to be had here: all but the numbers can be seen there."""
    made = compact(AdapterLoader(backbone).load(shelf.registry.pull("acme/dora")), CPU)
    assert on_device(made, CPU) is made
    moved = on_device(made, torch.device("meta"))
    assert moved.block is not None and moved.block.device.type == "meta"
    for old, new in zip(made.tensors(), moved.tensors(), strict=True):
        assert (new.shape, new.dtype, new.stride()) == (old.shape, old.dtype, old.stride())
        assert new.storage_offset() == old.storage_offset() and new.device.type == "meta"
