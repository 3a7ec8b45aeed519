"""The table ``[search]``: which keys of a recipe are tried with which values, and how the best is found.

Knows ranges and choices, and checks each against the key that it is for: both ends and every choice must make a recipe
that can be read. Refuses to know how values are drawn; and of the data, only how much is trained on can be searched,
since trials are compared on the same validation rows.

::

    [search]
    metric = "macro_f1"               # of the validation split; the one that chooses a run's epoch if left out
    trials = 20
    pruner = "median"                 # or "halving", "none": gives up on trials that do worse than others did
    seed = 0
    [search.space]
    "training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
    "training.epochs" = { low = 2, high = 6 }    # of a key that takes whole numbers, whole numbers
    "method.rank" = { choices = [4, 8, 16] }
    "method.targets" = { choices = [["query", "value"], ["query", "key", "value"]] }
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec.inspect import AnyType, DictType, FloatType, IntType, StructType, Type, UnionType, type_info

from adapterhub.errors import RecipeError
from adapterhub.recipe.changes import changed, parts_of, without
from adapterhub.recipe.part import Count, Name, Part, Seed, unknown_key
from adapterhub.recipe.recipe import Recipe, document_of, text_of

PartType = TypeVar("PartType", bound=Part)
SEARCHED_DATA = ("data.shots", "data.max_rows.train", "data.max_tokens")


class Range(Part, frozen=True, kw_only=True):
    """From `low` to `high`, both included; `log` draws orders of magnitude evenly, `step` a grid from `low`."""

    low: int | float
    high: int | float
    log: bool = False
    step: Annotated[int, Meta(gt=0)] | Annotated[float, Meta(gt=0)] | None = None
    whole: bool = False

    def probes(self) -> tuple[int | float, ...]:
        """The values that tell whether all of them suit a key."""
        return (self.low, self.high)


class Choices(Part, frozen=True, kw_only=True):
    """One of the listed values, which may be lists or tables themselves."""

    choices: list[Any]

    def probes(self) -> tuple[Any, ...]:
        """All of them."""
        return tuple(self.choices)

    def by_label(self) -> dict[str | int | float | bool, Any]:
        """The values by what they are called: themselves, or their JSON where they are no scalars."""
        scalar = (str, int, float, bool)
        return {value if isinstance(value, scalar) else json.dumps(value): value for value in self.choices}


Dimension = Range | Choices


class _Table(Part, frozen=True, kw_only=True):
    """``[search]`` as it is written."""

    space: dict[str, dict[str, Any]]
    metric: Name | None = None
    trials: Count = 20
    pruner: Literal["median", "halving", "none"] = "median"
    seed: Seed = 0


@dataclass(frozen=True)
class Search:
    """What is searched, for a recipe that is whole without it.

    Attributes:
        recipe: without ``[search]``: what a trial starts from.
        text: the whole document, ``[search]`` included.
        space: by the recipe's keys, dotted.
        metric: of the validation split; None leaves the choice to the recipe's task.
        trials: how many, those that are given up or fail included.
        pruner, seed: of the search.
    """

    recipe: Recipe
    text: str
    space: Mapping[str, Dimension]
    metric: str | None
    trials: int
    pruner: Literal["median", "halving", "none"]
    seed: int

    @classmethod
    def read(cls, path: Path) -> Search:
        """Read the recipe and the search at `path`.

        Raises:
            RecipeError: there is no such file, it is no recipe, or its ``[search]`` is wrong; with the place.
        """
        return cls.parse(text_of(path), str(path))

    @classmethod
    def parse(cls, text: str, origin: str = "recipe") -> Search:
        """Read a recipe with a search from `text`; `origin` names it in errors.

        Raises:
            RecipeError: as `read`.
        """
        written = document_of(text, origin).get("search")
        if written is None:
            raise RecipeError(
                f"{origin}: search: missing", "Say what to search: [search.space] with keys of the recipe."
            )
        recipe = Recipe.parse(without(text, "search"), origin)
        table = _converted(written, _Table, f"{origin}: search")
        if not table.space:
            raise RecipeError(f"{origin}: search.space: empty", 'Name a key: "training.learning_rate" = { … }.')
        space = {key: _dimension(key, value, recipe, origin) for key, value in table.space.items()}
        return cls(recipe, text, space, table.metric, table.trials, table.pruner, table.seed)

    def variant(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these values at its keys.

        Raises:
            RecipeError: they exclude each other.
        """
        settings = ", ".join(f"{key} = {value!r}" for key, value in values.items())
        return Recipe.parse(changed(self.recipe.text, values), f"recipe with {settings}")


def _dimension(key: str, written: Mapping[str, Any], recipe: Recipe, origin: str) -> Dimension:
    place = f'{origin}: search.space."{key}"'
    try:
        parts = parts_of(key)
    except RecipeError as error:
        raise RecipeError(f"{place}: not a key", error.hint) from error
    if parts[0] == "data" and ".".join(parts) not in SEARCHED_DATA:
        reason = "trials would not be compared on the same validation rows"
        raise RecipeError(f"{place}: {reason}", f"Of the data, only {', '.join(SEARCHED_DATA)} can be searched.")
    if not {"low", "high", "choices"} & written.keys():
        raise RecipeError(
            f"{place}: has neither choices nor low and high",
            'Write { low = …, high = … } or { choices = […] }, and the key in quotation marks: "training.epochs".',
        )
    made = _choices(written, place) if "choices" in written else _range(key, parts, written, recipe, place)
    for probe in made.probes():
        Recipe.parse(changed(recipe.text, {key: probe}), f"{place} = {probe!r}")
    return made


def _choices(written: Mapping[str, Any], place: str) -> Choices:
    made = _converted(written, Choices, place)
    if not made.choices:
        raise RecipeError(f"{place}: choices: empty", "List at least one value.")
    return made


def _range(key: str, parts: list[str], written: Mapping[str, Any], recipe: Recipe, place: str) -> Range:
    made = _converted(written, Range, place)
    if made.low > made.high:
        raise RecipeError(f"{place}: low {made.low} is above high {made.high}", "Exchange them.")
    if made.log and made.low <= 0:
        raise RecipeError(f"{place}: log: there is no logarithm of low {made.low}", "Let low be above 0.")
    if made.log and made.step is not None:
        raise RecipeError(f"{place}: log: excludes step", "Keep one of the two, or list choices.")
    given = all(isinstance(value, int) for value in (made.low, made.high, made.step or 1))
    kind = _type_at(type_info(Recipe), parts, msgspec.to_builtins(recipe))
    if isinstance(kind, IntType) and not given:
        raise RecipeError(f"{place}: {key} takes whole numbers", "Write low, high and step without a fraction.")
    if not isinstance(kind, IntType | FloatType | AnyType | None):
        raise RecipeError(f"{place}: {key} takes no numbers", "List choices.")
    return msgspec.structs.replace(made, whole=given and not isinstance(kind, FloatType))


def _type_at(kind: Type, parts: list[str], value: Any) -> Type | None:
    """The type of the key, where `value` is what the recipe has there; None where there is no such key."""
    if isinstance(kind, UnionType):
        kinds = [one for one in kind.types if _suits(one, value)]
        numbers = [one for one in kinds if isinstance(one, IntType | FloatType)]
        if not kinds:
            return None
        return _type_at((numbers or kinds)[0], parts, value)
    if not parts:
        return kind
    inner = value.get(parts[0]) if isinstance(value, Mapping) else None
    if isinstance(kind, StructType):
        found = [field.type for field in kind.fields if field.encode_name == parts[0]]
        return _type_at(found[0], parts[1:], inner) if found else None
    if isinstance(kind, DictType):
        return _type_at(kind.value_type, parts[1:], inner)
    return kind if isinstance(kind, AnyType) else None


def _suits(kind: Type, value: Any) -> bool:
    """Whether this member of a union is the one meant: of tagged structures, the one that `value` names."""
    if isinstance(kind, StructType) and kind.tag_field is not None and isinstance(value, Mapping):
        return value.get(kind.tag_field) == kind.tag
    return type(kind).__name__ != "NoneType"


def _converted(written: Any, kind: type[PartType], place: str) -> PartType:
    known = set(kind.__struct_fields__) - {"whole"}
    for key in written if isinstance(written, Mapping) else ():
        if key not in known:
            raise unknown_key(place.rpartition(": ")[0], f"{place.rpartition(': ')[2]}.{key}", known)
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        at = f"{place}{where.rstrip('`')}"
        raise RecipeError(f"{at}: {what[0].lower()}{what[1:]}", "Correct the value there.") from error
