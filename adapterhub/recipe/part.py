"""What every table of a recipe is made of: a closed, frozen structure, and the ranges that several tables share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from adapterhub.errors import RecipeError

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
BelowOne = Annotated[float, Meta(ge=0, lt=1)]
Fraction = Annotated[float, Meta(gt=0, lt=1)]
Name = Annotated[str, Meta(min_length=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of a recipe: frozen, and closed to keys it does not name."""


def unknown_key(origin: str, place: str, known: Iterable[str]) -> RecipeError:
    """The error for a key that nobody reads: where it is, and the nearest of the `known` ones beside it."""
    known = sorted(known)
    table, _, key = place.rpartition(".")
    near = difflib.get_close_matches(key, known, n=1)
    meant = f"{table}.{near[0]}".lstrip(".") if near else ""
    hint = f"Did you mean {meant}?" if near else f"Known keys here: {', '.join(known) or 'none'}."
    return RecipeError(f"{origin}: {place}: unknown key", hint)
