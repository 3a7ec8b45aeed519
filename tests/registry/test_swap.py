"""The stages of a swap follow each other as the table says, and in no other way."""

from __future__ import annotations

import itertools

import pytest

from registry import Version
from registry import swap as swaps
from registry.swap import NEXT, Swap, SwapStage

NEW = Version("acme/intent", "1.1.0", "sha256:" + "1" * 64, "0" * 40)
PATHS = {
    "goes well": ["verifying", "named", "draining", "released"],
    "cannot be had": ["failed"],
    "does not fit": ["verifying", "failed"],
}


@pytest.mark.parametrize("path", PATHS)
def test_each_way_of_the_table_can_be_gone_to_its_end(path: str) -> None:
    swap = Swap("acme/intent@production", None, NEW)
    error = ValueError("broken")
    for stage in PATHS[path]:
        swap = swap.to(SwapStage(stage), error if stage == "failed" else None)
    assert NEXT[swap.stage] == frozenset()
    assert (swap.error is error) == path.startswith(("cannot", "does"))


@pytest.mark.parametrize(("start", "stage"), list(itertools.product(SwapStage, SwapStage)))
def test_no_other_way_can(start: SwapStage, stage: SwapStage) -> None:
    swap = Swap("acme/intent@production", None, NEW, start)
    if stage in NEXT[start]:
        assert swap.to(stage).stage is stage
    else:
        with pytest.raises(ValueError, match=f"{start} cannot become {stage}"):
            swap.to(stage)


def test_the_table_in_the_documentation_has_every_stage() -> None:
    rows = [
        line.split()[0] for line in (swaps.__doc__ or "").splitlines() if line and line.split()[0] in set(SwapStage)
    ]
    assert rows == [str(stage) for stage in SwapStage]
