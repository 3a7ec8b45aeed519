"""The ``[method]`` table: what is trained of a base, one structure a kind.

Knows each kind's keys, their ranges, and which of them exclude each other. Refuses to know a model: whether targets
match and a prefix leaves room is found where the method meets one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from adapterhub.errors import RecipeError
from adapterhub.recipe.part import BelowOne, Count, Name, Part
from registry.folder.config import MAX_RANK, MAX_VIRTUAL_TOKENS

Rank = Annotated[int, Meta(ge=1, le=MAX_RANK)]  # a registry admits no more, of either
Length = Annotated[int, Meta(ge=1, le=MAX_VIRTUAL_TOKENS)]
Targets = Annotated[list[Name], Meta(min_length=1)] | Name
Layers = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]


class Lora(Part, tag="lora", tag_field="kind", frozen=True, kw_only=True):
    """LoRA on linear modules (Hu et al. 2021), with rsLoRA, DoRA and per-module patterns as PEFT has them.

    `targets` is a list of module name endings or one regular expression over full names; `layers` narrows a list to
    those numbered layers. `alpha` defaults to twice the rank.

    `init` starts from parts of the base's own weights: their largest singular values (PiSSA, Meng et al. 2024) or
    their QR decomposition (OLoRA, Büyükakyüz 2024), which the base goes without while training. What is saved is plain
    LoRA of twice the rank on the base as it is: what was trained, less what it started from.

    `rate_ratio` is how many times faster B learns than A (LoRA+, Hayou et al. 2024, who advise 16).
    """

    rank: Rank = 8
    alpha: Count | None = None
    dropout: BelowOne = 0.0
    targets: Targets
    layers: Layers | None = None
    init: Literal["pissa", "olora"] | None = None
    rate_ratio: Annotated[float, Meta(ge=1)] = 1.0
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


class Prompt(Part, tag="prompt", tag_field="kind", frozen=True, kw_only=True):
    """Prompt tuning (Lester et al. 2021): `length` trained embeddings before every row's own.

    `init` draws them at random, or as the embeddings of words drawn from the vocabulary.
    """

    length: Length
    init: Literal["random", "vocabulary"] = "vocabulary"


class Ia3(Part, tag="ia3", tag_field="kind", frozen=True, kw_only=True):
    """IA³ (Liu et al. 2022): a trained factor for each output of the targeted linear modules.

    `targets` and `layers` are as LoRA's. `feedforward` are endings of names among the targets whose inputs are scaled
    instead, as the paper does within feed-forward networks.
    """

    targets: Targets
    feedforward: list[Name] = field(default_factory=list)
    layers: Layers | None = None


class Head(Part, tag="head", tag_field="kind", frozen=True, kw_only=True):
    """The task's head alone, on the base as it is."""


class Full(Part, tag="full", tag_field="kind", frozen=True, kw_only=True):
    """Every parameter of the base: the reference that adapters are compared with.

    Such a run measures and leaves no adapter, since what it trains is the base itself.
    """


Adapting = Lora | Prefix | Prompt | Ia3 | Head
"""The kinds that end in an adapter."""

Method = Adapting | Full
KINDS: Mapping[str, type[Part]] = {
    str(part.__struct_config__.tag): part for part in (Lora, Prefix, Prompt, Ia3, Head, Full)
}


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
    if isinstance(method, Lora | Ia3):
        _refuse_bad_targets(method, origin)
    if isinstance(method, Lora) and method.init is not None:
        _refuse_unconvertible(method, method.init, origin)
    if isinstance(method, Ia3) and isinstance(method.targets, list):
        stray = [name for name in method.feedforward if name not in method.targets]
        if stray:
            raise RecipeError(
                f"{origin}: method.feedforward: {stray[0]!r} is not among method.targets", "Name it in both."
            )


def _refuse_unconvertible(method: Lora, init: str, origin: str) -> None:
    """What was not trained from zero is saved with twice the rank, and as a sum of products alone."""
    if method.dora:
        raise RecipeError(
            f"{origin}: method.init: {init} excludes method.dora, whose norms are over the base without its parts",
            "Choose one of the two.",
        )
    if method.rslora and (method.rank_pattern or method.alpha_pattern):
        raise RecipeError(
            f"{origin}: method.init: {init} with method.rslora excludes method.rank_pattern and method.alpha_pattern",
            "Leave the patterns or method.rslora out.",
        )
    ranks = {"method.rank": method.rank}
    ranks |= {f"method.rank_pattern.{key}": rank for key, rank in method.rank_pattern.items()}
    for place, rank in ranks.items():
        if 2 * rank > MAX_RANK:
            raise RecipeError(
                f"{origin}: {place}: {init} saves twice the rank, {2 * rank}, and a registry admits {MAX_RANK}",
                f"Lower it to {MAX_RANK // 2} or less.",
            )


def _refuse_bad_targets(method: Lora | Ia3, origin: str) -> None:
    if isinstance(method.targets, str):
        _refuse_bad_expression("method.targets", method.targets, origin)
        if method.layers is not None:
            raise RecipeError(
                f"{origin}: method.layers: excludes a regular expression in method.targets",
                "Name the layers in the expression, or give targets as a list of module names.",
            )
    if isinstance(method, Lora):
        for place, patterns in (("rank_pattern", method.rank_pattern), ("alpha_pattern", method.alpha_pattern)):
            for key in patterns:
                _refuse_bad_expression(f"method.{place}: {key!r}", key, origin)


def _refuse_bad_expression(place: str, expression: str, origin: str) -> None:
    try:
        re.compile(expression)
    except re.error as error:
        hint = "Targets are matched with Python's re.fullmatch, patterns against the end of a name."
        raise RecipeError(f"{origin}: {place}: not a regular expression: {error}", hint) from error
