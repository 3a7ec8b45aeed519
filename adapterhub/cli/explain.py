"""``adapterhub explain``: which tokens of a text an answer rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.serving import base_path_option, opened
from adapterhub.errors import AdapterError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.explain import Attribution

WIDTH = 20  # characters of the longest bar


@click.command("explain")
@click.argument("target", metavar="REF|FOLDER")
@click.argument("text")
@click.argument("pair", required=False)
@click.option("--label", help="Explain the output for this label.  [default: the likeliest]")
@click.option(
    "--steps", type=click.IntRange(8, 4096), default=64, show_default=True, help="Of the sum; more are more exact."
)
@base_path_option
@registry_option
@json_option
def explain_command(
    target: str,
    text: str,
    pair: str | None,
    label: str | None,
    steps: int,
    base_path: Path | None,
    location: str,
    as_json: bool,
) -> None:
    """Show what each token of TEXT adds to the answer.

    Layer Integrated Gradients (Sundararajan et al. 2017) of one logit, from the text with all its words masked. Reads
    adapters that classify texts, or pairs of them, from one token or from the mean of all.

    \b
    adapterhub explain acme/intent "where is my card?"
    """
    from adapterhub.explain import attribute, refuse_unread
    from adapterhub.tasks import task_of

    row = text if pair is None else {"text": text, "text_pair": pair}
    with opened(target, location) as adapter:
        task = task_of(adapter.manifest)
        refuse_unread(task)
        if task.input_columns != ("text",):
            raise AdapterError(
                f"{task.name} is not explained here: its rows have {', '.join(task.input_columns)}, not a text alone",
                "Explain it in Python: adapterhub.explain.attribute takes any row.",
            )
        made = attribute(adapter.in_plain_peft(base_path), row, label, steps)
    Output(as_json).result({"adapter": target, "digest": adapter.manifest.digest, **_document(made)}, _text(made))


def _document(made: Attribution) -> dict[str, Any]:
    tokens = [{"token": token, "added": added} for token, added in zip(made.tokens, made.added, strict=True)]
    return {
        "label": made.label,
        "output": made.output,
        "masked": made.masked,
        "error": made.error,
        "converged": made.converged,
        "tokens": tokens,
    }


def _text(made: Attribution) -> RenderableType:
    from rich.console import Group

    most = max(map(abs, made.added)) or 1.0
    lines = [
        (token, f"{added:+.3f}", ("+" if added > 0 else "-") * round(WIDTH * abs(added) / most))
        for token, added in zip(made.tokens, made.added, strict=True)
    ]
    said = (
        f"{made.label}: logit {made.output:.3f}, {made.masked:.3f} with every word masked; the sum is off by "
        f"{made.error:+.4f}"
    )
    return Group(table(("token", "adds", ""), lines), said if made.converged else f"{said}: give it more --steps")
