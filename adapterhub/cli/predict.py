"""``adapterhub predict``: rows in, answers out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.serving import base_path_option, opened
from adapterhub.errors import DataError, RequestError, RowError

if TYPE_CHECKING:
    from adapterhub.tasks import Answer, Row
    from registry import Manifest

BYTE_ORDER_MARK = "\ufeff"


@click.command("predict")
@click.argument("target", metavar="REF|FOLDER")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@base_path_option
@registry_option
@json_option
def predict_command(target: str, texts: tuple[str, ...], base_path: Path | None, location: str, as_json: bool) -> None:
    """Answer rows with an adapter.

    Without TEXT, rows are read from stdin: JSON lines, each a string or an object.

    \b
    adapterhub predict acme/intent@production "where is my card?"
    adapterhub predict acme/ner@^1.2 --json < rows.jsonl
    """
    try:
        placed: list[tuple[str, Row]] = [(f"TEXT {number}", text) for number, text in enumerate(texts, start=1)]
        placed = placed or list(rows_from(sys.stdin))
    except UnicodeDecodeError as error:
        raise DataError(f"stdin: not UTF-8: {error}", "Write JSON lines in UTF-8.") from error
    if not placed:
        raise click.UsageError("no rows: give TEXT arguments, or JSON lines on stdin", click.get_current_context())
    rows = [row for _, row in placed]
    with opened(target, location) as adapter:
        refuse_misshapen(placed, adapter.manifest)
        with adapter.served(base_path) as answering:
            try:
                answers = answering.predict(rows)
            except RowError as error:
                raise RequestError(f"{placed[error.index][0]}: {error.reason}", error.hint) from error
    document = [{"row": row, **answer_document(answer)} for row, answer in zip(rows, answers, strict=True)]
    pairs = zip(rows, answers, strict=True)
    text = table(
        ("row", "answer", "made by"), ((shortened(row), in_words(answer), answer.version) for row, answer in pairs)
    )
    Output(as_json).result({"answers": document}, text)


def rows_from(lines: Iterable[str]) -> Iterator[tuple[str, Row]]:
    """Rows from JSON lines, each with its line; blank lines are skipped, and so is a byte order mark at the beginning.

    Raises:
        DataError: a line is not a JSON string or object.
    """
    for number, line in enumerate(lines, start=1):
        where = f"stdin:{number}"
        text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON: {error}", "Write one JSON string or object a line.") from error
        if not isinstance(row, str | dict):
            raise DataError(f"{where}: a {type(row).__name__}", "Write one JSON string or object a line.")
        yield where, row


def refuse_misshapen(placed: Sequence[tuple[str, Row]], manifest: Manifest) -> None:
    """Refuse rows without the columns of the manifest's task, before any base is loaded.

    Raises:
        RequestError: with the row's place.
        AdapterError: this installation has no such task.
    """
    from adapterhub.tasks import task_of
    from adapterhub.tasks.heads import WRITES
    from adapterhub.tasks.task import columns_of

    if manifest.head.kind in ("none", *WRITES) and not manifest.typed.prompt:
        return  # it answers text, or hidden states, for what its base reads
    task = task_of(manifest)
    for where, row in placed:
        try:
            columns_of(row, task)
        except RequestError as error:
            raise RequestError(f"{where}: {error.message}", error.hint) from error


def answer_document(answer: Answer) -> dict[str, Any]:
    """An answer as JSON, with the version that made it."""
    from adapterhub.tasks.answer import to_document

    said, version = to_document(answer), answer.version
    return {**said, "version": str(version), "digest": version.digest} if version else said


def in_words(answer: Answer) -> str:
    """What a person wants to read of an answer, whatever its task."""
    from adapterhub.tasks import ChoiceAnswer, LabelAnswer, LabelsAnswer, SpanAnswer, TagAnswer, TextAnswer, ValueAnswer

    match answer:
        case LabelAnswer():
            return f"{answer.label} ({answer.score:.0%})"
        case TagAnswer():
            return ", ".join(f"{entity.text} ({entity.label})" for entity in answer.entities) or "no entities"
        case LabelsAnswer():
            return ", ".join(f"{label} ({answer.scores[label]:.0%})" for label in answer.labels) or "no labels"
        case ValueAnswer():
            return f"{answer.value:.4g}"
        case SpanAnswer():
            return f"{answer.text or 'no answer'} ({answer.score:.0%})"
        case ChoiceAnswer():
            return f"{answer.choice} ({answer.score:.0%})"
        case TextAnswer():
            return answer.text
    return type(answer).__name__


def shortened(row: Row) -> str:
    """A row in one line of at most 60 characters."""
    text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
