"""The table ``[data]``: where the rows are, how they are divided, and which of them are used.

Knows the keys and which of them exclude each other. Refuses to know what a file holds:
`adapterhub.tasks.data` reads it.

::

    [data]
    name = "tickets"
    licence = "cc-by-4.0"
    train = "train.csv"               # with validation and test; or file = "all.csv" with split
    format = "csv"                    # where the file's name does not say it
    hub = { id = "acme/tickets" }     # optional: the names above are then splits of that data set on the Hub
    leakage = "refuse"                # what is done about rows of train that are in validation or test as well
    leakage_threshold = 0.8           # and how alike two rows must be to count as one; 1 is "the same"
    shots = 10                        # optional: so many training rows of each class
    max_rows = { train = 8000 }       # optional: at most so many rows of a split
    max_tokens = 1000000              # optional: at most so many tokens to train on
    seed = 13                         # of the draws that the last three make
    more = ["made.jsonl"]             # optional: files of further training rows, of which all are used
    [data.columns]
    text = "body"                     # a column of the task = one of the file
    [data.split]
    validation = 0.1
    test = 0.1
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from adapterhub.errors import RecipeError
from adapterhub.recipe.part import Count, Fraction, Name, Part, Seed

Format = Literal["jsonl", "csv", "tsv", "parquet", "conll"]
Leakage = Literal["refuse", "warn", "drop-train"]
Similarity = Annotated[float, Meta(ge=0.5, le=1)]  # below, rows that share a phrase would count as one


class Split(Part, frozen=True, kw_only=True):
    """Shares of one file that become validation and test rows, drawn by a seeded hash of each row's input."""

    validation: Fraction
    test: Fraction
    seed: int = 13


class HubData(Part, frozen=True, kw_only=True):
    """A data set on the Hub, as ``datasets.load_dataset`` takes it; `id` may be a folder as well."""

    id: Name
    config: Name | None = None
    revision: Name | None = None


class MaxRows(Part, frozen=True, kw_only=True):
    """The most rows that are used of each split; which ones is drawn by a seeded hash of their content."""

    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None


class Data(Part, frozen=True, kw_only=True):
    """Where the rows are. Relative files start from ``ADAPTERHUB_DATA``; `columns` maps the task's to the file's."""

    name: Name
    licence: Name
    train: Name | None = None
    validation: Name | None = None
    test: Name | None = None
    file: Name | None = None
    split: Split | None = None
    format: Format | None = None
    hub: HubData | None = None
    columns: dict[str, str] = field(default_factory=dict)
    leakage: Leakage = "refuse"
    leakage_threshold: Similarity = 0.8
    shots: Count | None = None
    max_rows: MaxRows = MaxRows()
    max_tokens: Count | None = None
    seed: Seed = 13
    more: list[Name] = field(default_factory=list)

    def refuse_contradictions(self, origin: str) -> None:
        """Raise RecipeError for keys that exclude each other; `origin` names the document."""
        splits = [self.train, self.validation, self.test]
        if self.file is None and (None in splits or self.split is not None):
            message = "give train, validation and test, or one file with split"
            hint = "All three splits are needed: to train, to choose, to report."
            raise RecipeError(f"{origin}: data: {message}", hint)
        if self.file is not None and (any(splits) or self.split is None):
            message = "needs data.split, and excludes train, validation and test"
            hint = "Write one of the two: files of splits, or one to split."
            raise RecipeError(f"{origin}: data.file: {message}", hint)
        if self.split is not None and self.split.validation + self.split.test >= 1:
            raise RecipeError(f"{origin}: data.split: nothing is left to train on", "Let validation + test be below 1.")
        if self.hub is not None and self.format is not None:
            raise RecipeError(f"{origin}: data.format: excludes data.hub", "A data set on the Hub says its own format.")
        if self.shots is not None and self.max_rows.train is not None:
            raise RecipeError(f"{origin}: data.shots: excludes data.max_rows.train", "Keep one of the two.")
