"""How the rows of a batch are laid out when they pass through a base: proven on the base before it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Layout:
    """Which execution path a base runs.

    Attributes:
        kind: ``packed``: rows end to end, each attending to itself alone; ``padded``: one row a line, behind a mask.
        shared: modules of a padded pass that read something which all rows have in common (distances between
            positions, say), by name; an adapter that changes one of them cannot share a pass with other rows.
    """

    kind: Literal["packed", "padded"]
    shared: frozenset[str] = frozenset()
