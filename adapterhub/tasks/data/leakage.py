"""Rows that are in two splits, or nearly so: what was learned would be taken for what was understood.

Of two splits the one that counts for more keeps the row: test before validation before train. Rows inside one split are
not compared. Inputs are compared (`Task.input_key`), whatever their labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.errors import DataError
from adapterhub.tasks.data.near import NearIndex
from adapterhub.tasks.data.rows import Placed, normal
from adapterhub.tasks.task import Task

EXAMPLES = 3  # that a report shows


@dataclass(frozen=True)
class Leak:
    """A row of one split, and its like in another that counts for more; `similarity` is 1 where they are the same.

    `same` says that the normalised inputs are equal. Two texts of other order may be alike to 1 and not the same.
    """

    part: str
    index: int
    where: str
    other_part: str
    other_where: str
    similarity: float
    same: bool

    def __str__(self) -> str:
        """The two places, and how alike the rows are."""
        alike = "the same" if self.same else f"{self.similarity:.2f}"
        return f"{self.part} {self.where} ~ {self.other_part} {self.other_where} ({alike})"


@dataclass(frozen=True)
class Leakage:
    """What was found, and what the recipe says to do about it."""

    policy: str
    threshold: float
    leaks: tuple[Leak, ...]

    @property
    def same(self) -> int:
        """How many rows are in another split as they are."""
        return sum(leak.same for leak in self.leaks)

    @property
    def dropped(self) -> int:
        """How many rows were left out for it."""
        return len(self.leaks) if self.policy == "drop-train" else 0

    def document(self) -> dict[str, Any]:
        """Counts and examples, as a run records them."""
        return {
            "policy": self.policy,
            "threshold": self.threshold,
            "same": self.same,
            "near": len(self.leaks) - self.same,
            "dropped": self.dropped,
            "examples": [str(leak) for leak in self.leaks[:EXAMPLES]],
        }

    def __str__(self) -> str:
        """One line: counts and examples."""
        if not self.leaks:
            return f"no row is in two splits, nor one alike to {self.threshold:g}"
        counted = {name: sum(leak.part == name for leak in self.leaks) for name in ("train", "validation")}
        rows = " and ".join(f"{count} of {name}" for name, count in counted.items() if count)
        near = len(self.leaks) - self.same
        examples = "; ".join(str(leak) for leak in self.leaks[:EXAMPLES])
        verb = "were left out: they are" if self.dropped else "are"
        return (
            f"rows {rows} {verb} in another split too ({self.same} the same, {near} alike to {self.threshold:g} or "
            f"more): {examples}"
        )


def find_leaks(parts: Mapping[str, Sequence[Placed]], task: Task, threshold: float) -> tuple[Leak, ...]:
    """Every row of train that is like one of test or validation, and every one of validation that is like one of test.

    Each is reported once, with an equal row if there is one. With a threshold of 1 only equal rows are looked for.
    """
    keys = {part: [normal(task.input_key(placed.row)) for placed in parts[part]] for part in ("train", "validation")}
    held = [("test", placed) for placed in parts["test"]] + [("validation", placed) for placed in parts["validation"]]
    tests = len(parts["test"])
    texts = [normal(task.input_key(placed.row)) for placed in parts["test"]] + keys["validation"]
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        first.setdefault(text, index)
    near = NearIndex(texts, threshold) if threshold < 1 else None
    leaks: list[Leak] = []
    for part, before in (("train", len(texts)), ("validation", tests)):
        for index, text in enumerate(keys[part]):
            equal = first.get(text, len(texts))
            found = (equal, 1.0) if equal < before else near.find(text, before) if near else None
            if found:
                other_part, other = held[found[0]]
                where = parts[part][index].where
                leaks.append(Leak(part, index, where, other_part, other.where, found[1], equal < before))
    return tuple(leaks)


def settle(
    parts: Mapping[str, Sequence[Placed]], task: Task, policy: str, threshold: float
) -> tuple[dict[str, list[Placed]], Leakage]:
    """The parts with what the policy does about their leaks: none may be there, all stay, or the lesser rows go.

    Raises:
        DataError: the policy is to refuse, and there are some.
    """
    leakage = Leakage(policy, threshold, find_leaks(parts, task, threshold))
    if leakage.leaks and policy == "refuse":
        raise DataError(
            f"data: {leakage}",
            'Take them out; or say data.leakage = "drop-train" (the lesser split loses them) or "warn"; '
            "data.leakage_threshold says what counts as alike (1: the same).",
        )
    gone = {(leak.part, leak.index) for leak in leakage.leaks} if leakage.dropped else set()
    return {part: _without(rows, part, gone) for part, rows in parts.items()}, leakage


def _without(rows: Iterable[Placed], part: str, gone: set[tuple[str, int]]) -> list[Placed]:
    return [placed for index, placed in enumerate(rows) if (part, index) not in gone]
