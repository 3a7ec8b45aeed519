"""Moments as options take them: so long ahead or ago (``30d``, ``12h``, ``90m``), or a day or time (ISO 8601, UTC)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_SPAN = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class Ahead(click.ParamType[datetime]):
    """A moment; a span counts from now into the future."""

    name = "moment"
    sign = 1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """From text; a `click.BadParameter` where it is no moment."""
        if isinstance(value, datetime):
            return value
        if span := _SPAN.fullmatch(str(value)):
            return datetime.now(UTC) + self.sign * timedelta(**{_UNITS[span[2]]: int(span[1])})
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a span such as 30d or 12h, nor a day such as 2026-12-31.", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


class Ago(Ahead):
    """A moment; a span counts from now into the past."""

    sign = -1
