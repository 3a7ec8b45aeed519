"""YAML that strangers wrote, read in bounded time and memory.

What PyYAML's safe loader keeps out is code. It does not keep out a text of 400 characters whose merge keys (``<<``)
stand for a billion values, one that takes seconds, or, with the fast loader, one nested so deep that the process dies.
So the text is looked at event by event first, which nothing in it can make long.
"""

from __future__ import annotations

import re
from typing import Any

MAX_CHARACTERS = 1 << 18
MAX_NODES = 20_000  # the labels of a large adapter are 1000
MAX_DEPTH = 64
_LONG_NUMBER = re.compile(r"[-+0-9.:_]{400,}")  # 1:1:1… to base 60 takes time with the square of its length
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str) -> Any:
    """The one document of a text; anchors stay one value that is named several times.

    Raises:
        ValueError: it is not YAML, or more of it than is read here; the message says what.
    """
    import yaml  # here, since most folders bring a manifest and need no card

    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters, and {MAX_CHARACTERS:,} are allowed")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast; PyYAML's wheels have it
    try:
        _check_size(yaml, text, loader)
        return yaml.load(text, loader)
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        RecursionError,
    ) as error:
        # besides its own error, whatever the conversion of a tagged scalar raises: `!!timestamp x`, `!!int ""`
        raise ValueError(f"is not YAML: {' '.join(str(error).split())}") from error


def _check_size(yaml: Any, text: str, loader: Any) -> None:
    depth = 0
    for nodes, event in enumerate(yaml.parse(text, loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent):
            _check_scalar(event)
        if nodes > MAX_NODES:
            raise ValueError(f"it holds more than {MAX_NODES:,} values")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _check_scalar(event: Any) -> None:
    if event.tag == _MERGE or (event.value == "<<" and not event.style):
        raise ValueError("merge keys (<<) are not read here; write the values out")
    if _LONG_NUMBER.fullmatch(event.value):
        raise ValueError(f"a number has {len(event.value):,} characters")
