"""Another recipe from one that is there: values put at keys, the rest left as it was written, comments included.

Knows TOML. Refuses to know which keys a recipe has: the text that comes out is read as any other recipe is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any

import tomlkit

from adapterhub.errors import RecipeError


def changed(text: str, values: Mapping[str, Any]) -> str:
    """`text` with each value at its key; tables on the way that are not there are made.

    Args:
        text: a TOML document.
        values: by key, dotted as in TOML (``training.epochs``; a part that holds dots is quoted).

    Raises:
        RecipeError: a key is not one, or leads through something that is no table.
    """
    document = tomlkit.parse(text)
    for key, value in values.items():
        *tables, last = parts_of(key)
        table: MutableMapping[str, Any] = document
        for part in tables:
            inner = table.setdefault(part, tomlkit.table())
            if not isinstance(inner, MutableMapping):
                raise RecipeError(f"{key}: {part} is a value, not a table", "Name a key of a table.")
            table = inner
        table[last] = value
    return tomlkit.dumps(document)


def without(text: str, table: str) -> str:
    """`text` without one of its tables."""
    document = tomlkit.parse(text)
    del document[table]
    return tomlkit.dumps(document)


def parts_of(key: str) -> list[str]:
    """The parts of a dotted key.

    Raises:
        RecipeError: it is not one.
    """
    try:
        rest: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{key!r} is not a key", "Write it as in TOML, for example training.epochs.") from error
    parts = []
    while isinstance(rest, dict):
        (part, rest), *more = rest.items()
        if more:
            raise RecipeError(f"{key!r} is not one key", "Write it as in TOML, for example training.epochs.")
        parts.append(part)
    return parts


def assignment(text: str) -> tuple[str, Any]:
    """Key and value of ``training.epochs=3``; a value that is not TOML's is taken as a string.

    Raises:
        RecipeError: there is no ``=``, or what stands before it is no key.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals:
        raise RecipeError(f"{text!r} sets nothing", "Write KEY=VALUE, for example training.epochs=3.")
    parts_of(key)
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.strip()
