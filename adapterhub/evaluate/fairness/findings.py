"""What was found about an adapter's fairness, and how it is told: as tables, for a terminal or a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapterhub.evaluate.fairness.counterfactuals import Flips
from adapterhub.evaluate.fairness.likelihood import BeforeAfter
from adapterhub.evaluate.fairness.subgroups import FEWEST, Subgroups


@dataclass(frozen=True)
class Table:
    """Lines under columns, and what has to be known to read them."""

    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]
    note: str

    def markdown(self) -> str:
        """As a model card shows it."""
        rows = [self.columns, ("---",) * len(self.columns), *self.lines]
        return f"{self.note}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


@dataclass(frozen=True)
class Findings:
    """Of a classifier its flips and subgroups, of a language model what its likelihoods say; empty where not asked.

    `likelihoods` holds each test by its name, `categories` the share and number of CrowS-Pairs by category after
    training.
    """

    flips: Sequence[Flips] = ()
    subgroups: Subgroups | None = None
    likelihoods: Mapping[str, BeforeAfter] = field(default_factory=dict)
    categories: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    def tables(self) -> Iterator[Table]:
        """Everything that was found."""
        if self.flips:
            yield _flips(self.flips)
        if self.subgroups is not None:
            yield _subgroups(self.subgroups)
        for name, found in self.likelihoods.items():
            yield _before_after(name, found)
        if self.categories:
            lines = [(name, f"{share:.3f}", str(count)) for name, (share, count) in self.categories.items()]
            yield Table(("category", "stereotype_share", "pairs"), lines, "After training, by category.")

    def markdown(self) -> str:
        """The section of a model card."""
        return "\n\n".join(table.markdown() for table in self.tables())


def _flips(found: Sequence[Flips]) -> Table:
    shifts = ["" if one.mean_shift is None else f"{one.mean_shift:.4f}" for one in found]
    if all(one.rate is None for one in found):
        numbers = [(one.group, shift, str(one.texts)) for one, shift in zip(found, shifts, strict=True)]
        note = "How far the number moves when only words for who a text is about are exchanged."
        return Table(("words of", "mean shift of the number", "texts"), numbers, note)
    lines = [(one.group, str(one.rate), shift, str(one.texts)) for one, shift in zip(found, shifts, strict=True)]
    note = "How often the answer changes when only words for who a text is about are exchanged."
    return Table(("words of", "flips [95% interval]", "mean shift of the score", "texts"), lines, note)


def _subgroups(found: Subgroups) -> Table:
    left = f" Groups of fewer than {FEWEST} rows are left out." if found.left_out else ""
    note = (
        f"Gap between groups of {found.column}: {found.gap:.4f}; shuffled groups have one as large in "
        f"{found.p:.1%} of cases.{left}"
    )
    lines = [(group, str(value), str(value.n)) for group, value in found.groups.items()]
    return Table((found.column, f"{found.metric} [95% interval]", "rows"), lines, note)


def _before_after(name: str, found: BeforeAfter) -> Table:
    lines = []
    for figure, after in found.after.items():
        change = found.differences[figure]
        lines.append(
            (
                figure,
                str(found.before[figure]),
                str(after),
                f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]",
                f"{change.p:.3f}",
            )
        )
    rows = next(iter(found.after.values())).n
    note = f"{name}, {rows} rows: the bare base before, the adapter on it after."
    return Table(("", "before", "after", "difference [95% interval]", "p"), lines, note)
