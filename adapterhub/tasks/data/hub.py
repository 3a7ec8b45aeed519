"""Rows of a data set on the Hub, by its name, through the package ``datasets``.

Knows how `datasets` is asked, and that a class is kept as a number there: it becomes its name again. The address and
the token of the Hub are `datasets`' own matter (``HF_ENDPOINT``, ``HF_TOKEN``), as is its cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adapterhub.errors import DataError, MissingDependency
from adapterhub.recipe import HubData
from adapterhub.tasks.data.columns import Columns

if TYPE_CHECKING:
    from adapterhub.tasks.data.formats import Record


def records(source: HubData, split: str, columns: Columns) -> Iterator[Record]:
    """Each row of one split.

    Raises:
        MissingDependency: `datasets` is not installed.
        DataError: there is no such data set or split, or it cannot be fetched or read.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingDependency(
            f"data.hub: {source.id} is read with datasets, which is not installed", "pip install 'adapterhub[tasks]'"
        ) from error
    place = f"{source.id}[{split}]"
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(source.id, source.config, split=split, revision=source.revision)
    except (datasets.exceptions.DatasetsError, OSError, ValueError, RuntimeError, LookupError) as error:
        raise DataError(
            f"{place}: cannot be loaded: {_reason(error)}",
            "Check data.hub, the names of the splits, and that the Hub can be reached.",
        ) from error
    finally:
        if shown:
            datasets.enable_progress_bars()
    columns.check(rows.column_names, place)
    kept = rows.select_columns([name for name in rows.column_names if name in columns.read])
    for number, record in enumerate(kept, start=1):
        yield f"{place}: row {number}", {name: _named(value, kept.features[name]) for name, value in record.items()}


def _reason(error: BaseException) -> str:
    """What is at the bottom of it, on one line: `datasets` wraps a file's fault in "an error occurred"."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _named(value: Any, feature: Any) -> Any:
    """Classes by name instead of by number, in lists too; -1, which stands for none, as none."""
    import datasets

    if isinstance(feature, datasets.ClassLabel) and isinstance(value, int):
        return feature.int2str(value) if value >= 0 else None
    if isinstance(feature, datasets.List) and isinstance(value, list):
        return [_named(one, feature.feature) for one in value]
    return value
