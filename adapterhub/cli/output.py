"""How a command speaks: one JSON document on stdout for programs, text on stderr for people, never both mixed.

Knows streams, JSON and rich. Knows nothing of what the values mean; so it trusts none of them: a label, a reason or a
name may come from whoever published an adapter, and what would command a terminal is printed without effect.
"""

from __future__ import annotations

import re
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


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Unicode's category Cc without tab and line feed. Of C1 (from 0x80 on) CSI alone does what ESC [ does."""


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
    """Rich's console on stderr; plain where that is not a terminal. All text passes `printable`."""
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

    class Printing(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(printable(segment.text), segment.style)

    # No markup: what people wrote, a reason or a path, may hold brackets and is printed as it is.
    return Printing(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def printable(text: str) -> str:
    """The text with each control character (ESC, say) but tabs and line breaks as one that has no effect: "�"."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> RenderableType:
    """A plain table for people; cells are made `printable` here already, before their width is measured."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(printable(column), overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    return made


def _plain(value: Any) -> Any:
    """What msgspec does not know how to write: paths, and mappings that are not dicts."""
    if isinstance(value, Path):
        return str(value)
    return dict(value)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
