"""How a command speaks: one JSON document on stdout for programs, text on stderr for people, never both mixed.

Knows streams, JSON and rich. Knows nothing of what the values mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

json_option: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)


@dataclass(frozen=True)
class Output:
    """Where a command's words go. Exactly one of `result` and `refuse` ends a command."""

    as_json: bool = False

    def result(self, document: Any, text: RenderableType) -> None:
        """The outcome: `document` for programs where JSON was asked for, else `text` for people."""
        if self.as_json:
            import msgspec

            encoded = msgspec.json.encode(document, enc_hook=_plain)
            click.echo(msgspec.json.format(encoded, indent=2))
        else:
            self.say(text)

    def say(self, text: RenderableType) -> None:
        """Text for people, in either mode."""
        console().print(text)

    def refuse(self, code: str, message: str, hint: str) -> None:
        """Why nothing was done, and what to do: two lines, or ``{"error": …}``."""
        if self.as_json:
            self.result({"error": {"code": code, "message": message, "hint": hint}}, "")
            return
        click.echo(f"error: {_one_line(message)}", err=True)
        if hint:
            click.echo(f"  → {_one_line(hint)}", err=True)


def console() -> Console:
    """Rich's console on stderr; plain where that is not a terminal."""
    from rich.console import Console

    # No markup: what people wrote, a reason or a path, may hold brackets and is printed as it is.
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> RenderableType:
    """A plain table for people."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def _plain(value: Any) -> Any:
    """What msgspec does not know how to write: paths, and mappings that are not dicts."""
    if isinstance(value, Path):
        return str(value)
    return dict(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
