"""``adapterhub predict``: rows in, answers out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.serving import base_path_option, served
from adapterhub.errors import DataError

if TYPE_CHECKING:
    from adapterhub.tasks import Answer, Row


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
        rows: list[Row] = list(texts) or list(rows_from(sys.stdin))
    except UnicodeDecodeError as error:
        raise DataError(f"stdin: not UTF-8: {error}", "Write JSON lines in UTF-8.") from error
    if not rows:
        raise click.UsageError("no rows: give TEXT arguments, or JSON lines on stdin", click.get_current_context())
    with served(target, base_path, location) as adapter:
        answers = adapter.predict(rows)
    document = [{"row": row, **answer_document(answer)} for row, answer in zip(rows, answers, strict=True)]
    pairs = zip(rows, answers, strict=True)
    text = table(
        ("row", "answer", "made by"), ((shortened(row), in_words(answer), answer.version) for row, answer in pairs)
    )
    Output(as_json).result({"answers": document}, text)


def rows_from(lines: Iterable[str]) -> Iterator[Row]:
    """Rows from JSON lines; blank lines are skipped.

    Raises:
        DataError: a line is not a JSON string or object.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"stdin:{number}: not JSON: {error}", "Write one JSON string or object a line.") from error
        if not isinstance(row, str | dict):
            raise DataError(f"stdin:{number}: a {type(row).__name__}", "Write one JSON string or object a line.")
        yield row


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
