"""The ``[method]`` table: what is trained of a base, one structure a kind.

Knows each kind's keys, their ranges, and which of them exclude each other. Refuses to know a model: whether targets
match and a prefix leaves room is found where the method meets one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, field

from adapterhub.errors import RecipeError
from adapterhub.recipe.part import BelowOne, Count, Name, Part
from registry.folder.config import MAX_RANK, MAX_VIRTUAL_TOKENS

Rank = Annotated[int, Meta(ge=1, le=MAX_RANK)]  # a registry admits no more, of either
Length = Annotated[int, Meta(ge=1, le=MAX_VIRTUAL_TOKENS)]


class Lora(Part, tag="lora", tag_field="kind", frozen=True, kw_only=True):
    """LoRA on linear modules (Hu et al. 2021), with rsLoRA, DoRA and per-module patterns as PEFT has them.

    `targets` is a list of module name endings or one regular expression over full names; `layers` narrows a list to
    those numbered layers. `alpha` defaults to twice the rank.
    """

    rank: Rank = 8
    alpha: Count | None = None
    dropout: BelowOne = 0.0
    targets: Annotated[list[Name], Meta(min_length=1)] | Name
    layers: list[Annotated[int, Meta(ge=0)]] | None = None
    rslora: bool = False
    dora: bool = False
    rank_pattern: dict[str, Rank] = field(default_factory=dict)
    alpha_pattern: dict[str, Count] = field(default_factory=dict)


class Prefix(Part, tag="prefix", tag_field="kind", frozen=True, kw_only=True):
    """Prefix tuning (Li & Liang 2021): `length` trained keys and values before every layer's own.

    `projection` trains them through a two-layer network of that hidden size, which is folded away when saved.
    """

    length: Length
    projection: Count | None = None


class Full(Part, tag="full", tag_field="kind", frozen=True, kw_only=True):
    """Every parameter of the base: the reference that adapters are compared with.

    Such a run measures and leaves no adapter, since what it trains is the base itself.
    """


Adapting = Lora | Prefix
"""The kinds that end in an adapter."""

Method = Adapting | Full
KINDS: Mapping[str, type[Part]] = {str(part.__struct_config__.tag): part for part in (Lora, Prefix, Full)}


def kind_of(method: Method) -> str:
    """The word by which a recipe names this kind."""
    return str(method.__struct_config__.tag)


def known_keys(table: Any) -> set[str]:
    """The keys of the kind that a ``[method]`` names; of all kinds where it names none that exists."""
    kind = table.get("kind") if isinstance(table, Mapping) else None
    chosen = [KINDS[kind]] if isinstance(kind, str) and kind in KINDS else list(KINDS.values())
    return {"kind"}.union(*(part.__struct_fields__ for part in chosen))


def unknown_kind(kind: str, origin: str) -> RecipeError:
    """The error for a kind that is none, with the nearest of those that are."""
    near = difflib.get_close_matches(kind, KINDS, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return RecipeError(f"{origin}: method.kind: unknown kind {kind!r}", f"{meant}Known kinds: {', '.join(KINDS)}.")


def refuse_contradictions(method: Method, origin: str) -> None:
    """Raise RecipeError where one key of the method excludes another, or its expressions are none."""
    if not isinstance(method, Lora):
        return
    _refuse_bad_expressions(method, origin)
    if method.layers is not None and isinstance(method.targets, str):
        raise RecipeError(
            f"{origin}: method.layers: excludes a regular expression in method.targets",
            "Name the layers in the expression, or give targets as a list of module names.",
        )


def _refuse_bad_expressions(method: Lora, origin: str) -> None:
    places = [("method.targets", method.targets)] if isinstance(method.targets, str) else []
    places += [(f"method.rank_pattern: {key!r}", key) for key in method.rank_pattern]
    places += [(f"method.alpha_pattern: {key!r}", key) for key in method.alpha_pattern]
    for place, expression in places:
        try:
            re.compile(expression)
        except re.error as error:
            hint = "Targets are matched with Python's re.fullmatch, patterns against the end of a name."
            raise RecipeError(f"{origin}: {place}: not a regular expression: {error}", hint) from error
