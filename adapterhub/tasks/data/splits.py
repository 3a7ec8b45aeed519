"""The rows that a recipe's ``[data]`` names: read, checked, divided, and cut down to what it asks for.

Knows the order of these steps, and that no model is needed for any of them. What each does is known beside: files by
`formats` and `hub`, complaints by `checks`, rows in two splits by `leakage`, fewer rows by `sampling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapterhub import settings
from adapterhub.errors import DataError
from adapterhub.recipe import Data
from adapterhub.tasks.data import hub
from adapterhub.tasks.data.checks import TooFewRows, check_labels, checked
from adapterhub.tasks.data.columns import Columns
from adapterhub.tasks.data.formats import Record, records_of
from adapterhub.tasks.data.leakage import Leakage, settle
from adapterhub.tasks.data.rows import DataRow, Placed, draw, normal
from adapterhub.tasks.data.sampling import at_most, few_shots
from adapterhub.tasks.task import Task

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Splits:
    """Rows to train on, to choose by and to report on.

    Attributes:
        train, validation, test: the rows, in the order of their files.
        leakage: rows found in two splits, and what was done about them.
        unused: how many rows `max_rows`, `shots` and `max_tokens` left out of each split, where they did.
        short: labels of which there were not as many as `shots`, with their counts.
        places: of each split, where each row is: the file and the line or row.
    """

    train: tuple[DataRow, ...]
    validation: tuple[DataRow, ...]
    test: tuple[DataRow, ...]
    leakage: Leakage
    unused: Mapping[str, int] = field(default_factory=dict)
    short: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """How many rows were left out because their like is in a split that counts for more."""
        return self.leakage.dropped

    def items(self) -> Iterator[tuple[str, tuple[DataRow, ...]]]:
        """The splits with their names."""
        yield "train", self.train
        yield "validation", self.validation
        yield "test", self.test

    def document(self) -> dict[str, Any]:
        """What a run records of its data besides the fingerprints."""
        return {
            "rows": {name: len(rows) for name, rows in self.items()},
            "unused": dict(self.unused),
            "short": dict(self.short),
            "leakage": self.leakage.document(),
        }


def read_splits(data: Data, task: Task, known_labels: Sequence[str] = ()) -> Splits:
    """The rows that a recipe's ``[data]`` names; `known_labels` need no training rows.

    Raises:
        DataError: a file or a row of it is wrong, a split is empty, rows are in two splits and the recipe does not
            allow that, or a label cannot be learned.
        RecipeError: the recipe asks for what the task does not have.
        MissingDependency: a package that reads this format is not installed.
    """
    found = _divided(data, task, PARTS)
    kept, leakage = settle(found, task, data.leakage, data.leakage_threshold)
    short: dict[str, int] = {}
    used = {part: at_most(kept[part], getattr(data.max_rows, part), data.seed) for part in PARTS}
    if data.shots is not None:
        used["train"], short = few_shots(used["train"], task, data.shots, data.seed)
    unused = {part: len(kept[part]) - len(used[part]) for part in PARTS if len(kept[part]) > len(used[part])}
    if data.more:
        added, leakage = _added(data, task, kept, leakage)
        used["train"] += added
    for part in PARTS:
        if not used[part]:
            raise TooFewRows(f"data: no rows are left for {part}", "Give more rows, or larger shares in data.split.")
    check_labels(used, task, known_labels)
    train, validation, test = (_plain(used[part]) for part in PARTS)
    places = {part: tuple(placed.where for placed in used[part]) for part in PARTS}
    return Splits(train, validation, test, leakage=leakage, unused=unused, short=short, places=places)


def read_split(data: Data, task: Task, part: str) -> tuple[DataRow, ...]:
    """One of the splits that `read_splits` gives, without what only training has to know.

    The test split depends on no other: a file of its own is all that is read for it.

    Raises:
        DataError, RecipeError, MissingDependency: as `read_splits` does.
    """
    if part == "test":
        return _plain(at_most(_divided(data, task, (part,))[part], data.max_rows.test, data.seed))
    return dict(read_splits(data, task, task.labels).items())[part]


def read_rows(
    path: Path, task: Task, columns: Mapping[str, str] | None = None, form: str | None = None
) -> list[DataRow]:
    """The rows of one file, reduced to the task's columns; `columns` maps the task's to the file's.

    Raises:
        DataError: with file and line.
        MissingDependency: a package that reads this format is not installed.
    """
    chosen = Columns.of(task, columns)
    return [placed.row for placed in checked(records_of(path, chosen, form), str(path), task, chosen)]


def read_column(
    path: Path, column: str, task: Task, columns: Mapping[str, str] | None = None, form: str | None = None
) -> list[str]:
    """What a further `column` of a file says of each row that `read_rows` gives.

    Raises:
        DataError: a row lacks it.
    """
    own = Columns.of(task, columns)
    chosen = replace(own, source={**own.source, column: column}, required=own.required | {column})
    records = records_of(path, chosen, form)
    return [str(chosen.select(record, where)[column]) for where, record in records]


def locate(file: str) -> Path:
    """The path of a data file that a recipe names: absolute, or below ``ADAPTERHUB_DATA``.

    Raises:
        DataError: the file is relative and the variable is not set.
    """
    path = Path(file).expanduser()
    if path.is_absolute():
        return path
    root = settings.data_root()
    if root is None:
        raise DataError(
            f"data file {file} is relative and ADAPTERHUB_DATA is not set",
            "Set ADAPTERHUB_DATA to the folder that data files start from, or write an absolute path.",
        )
    return root / path


def part_of(key: str, validation: float, test: float, seed: int) -> str:
    """The split of an input, drawn by its own hash: equal inputs always land together, whatever else is in the file."""
    drawn = draw(normal(key), seed)
    if drawn < test:
        return "test"
    return "validation" if drawn < test + validation else "train"


def _divided(data: Data, task: Task, parts: Sequence[str]) -> dict[str, list[Placed]]:
    """The rows of these parts, of files of their own or of the one that is split."""
    columns = Columns.of(task, data.columns)
    if data.file is None or data.split is None:
        return {part: _read(data, str(getattr(data, part)), task, columns) for part in parts}
    divided: dict[str, list[Placed]] = {part: [] for part in PARTS}
    for placed in _read(data, data.file, task, columns):
        part = part_of(task.input_key(placed.row), data.split.validation, data.split.test, data.split.seed)
        divided[part].append(placed)
    return {part: divided[part] for part in parts}


def _added(
    data: Data, task: Task, parts: Mapping[str, Sequence[Placed]], leakage: Leakage
) -> tuple[list[Placed], Leakage]:
    """The rows of ``more``, by the same rule about rows that are in `parts`' validation or test; and all leaks."""
    columns = Columns.of(task, data.columns)
    more = [placed for name in data.more for placed in _read(data, name, task, columns)]
    kept, found = settle({**parts, "train": more}, task, data.leakage, data.leakage_threshold)
    of_more = tuple(leak for leak in found.leaks if leak.part == "train")
    return kept["train"], replace(leakage, leaks=(*leakage.leaks, *of_more))


def _read(data: Data, name: str, task: Task, columns: Columns) -> list[Placed]:
    """A file's rows, or those of a split on the Hub."""
    records: Iterable[Record]
    if data.hub is not None:
        return checked(hub.records(data.hub, name, columns), f"{data.hub.id}[{name}]", task, columns)
    path = locate(name)
    records = records_of(path, columns, data.format)
    return checked(records, str(path), task, columns)


def _plain(rows: Sequence[Placed]) -> tuple[DataRow, ...]:
    return tuple(placed.row for placed in rows)
