"""The whole front matter of a README.md, as values that JSON can hold: what a Hub shows as a repository's card.

Never refuses: a card that cannot be read says nothing. What a manifest is derived from is ``registry.folder.card``'s,
which does refuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from registry.folder.card import FRONT_MATTER
from registry.folder.yaml_text import MAX_CHARACTERS, load_yaml

MAX_VALUES = 20_000
MAX_DEPTH = 32
MAX_WHOLE = 1 << 63
_NOTHING = object()


class _TooMuch(Exception):
    """The values, written out, would be more than a card may hold."""


def read_metadata(text: str) -> dict[str, Any]:
    """The front matter of a README.md.

    Values that JSON cannot hold (dates, infinities, bytes) are left out. YAML's anchors let few characters stand for
    very many values, even for endless ones, so what the values would be when written out is counted.
    """
    found = FRONT_MATTER.match(text)
    try:
        value = _plain(load_yaml(found["yaml"]) if found else {}, iter(range(MAX_VALUES)), [2 * MAX_CHARACTERS], 0)
    except (ValueError, _TooMuch):
        return {}
    return value if isinstance(value, dict) else {}


def _plain(value: Any, values: Iterator[int], letters: list[int], depth: int) -> Any:
    if next(values, None) is None or depth > MAX_DEPTH:
        raise _TooMuch
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        letters[0] -= len(value)
        if letters[0] < 0:
            raise _TooMuch
        return value if _is_text(value) else _NOTHING
    if isinstance(value, int):
        return value if -MAX_WHOLE < value < MAX_WHOLE else _NOTHING
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOTHING
    if isinstance(value, list):
        items = (_plain(one, values, letters, depth + 1) for one in value)
        return [one for one in items if one is not _NOTHING]
    if isinstance(value, dict):
        named = [(key, item) for key, item in value.items() if isinstance(key, str) and _is_text(key)]
        letters[0] -= sum(len(key) for key, _ in named)
        pairs = ((key, _plain(item, values, letters, depth + 1)) for key, item in named)
        return {key: item for key, item in pairs if item is not _NOTHING}
    return _NOTHING


def _is_text(value: str) -> bool:
    """Whether a database and a response can hold it."""
    return "\0" not in value and not any(0xD800 <= ord(letter) < 0xE000 for letter in value)
