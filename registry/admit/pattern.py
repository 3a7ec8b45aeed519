"""How many ways a regular expression can try to match a module's name: those that try too many never finish.

Counts on the tree of Python's own parser, from above. Knows nothing of configs, nor of what the names are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import comb
from re import _constants, _parser  # type: ignore[attr-defined]  # the parser has no public name since Python 3.11
from typing import Any

NAME = 64  # characters; modules' names are about as long
MOST_TIMES = 256  # a longer repetition can match no name

_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


class Endless(ValueError):
    """A repetition of what can itself match in several ways: the ways multiply with each character."""


@dataclass(frozen=True)
class _Ways:
    """`choices` ways to go, times those to share a name out among `unbounded` repetitions in a row."""

    choices: int = 1
    unbounded: int = 0
    repeats: bool = False


def ways_to_match(pattern: str) -> int:
    """An upper bound for the ways in which the pattern can try to match a name of `NAME` characters.

    Raises:
        Endless: it holds a repetition within a repetition, or the like.
        re.error: it is not a regular expression.
    """
    try:
        re.compile(pattern)
        ways = _sequence(_parser.parse(pattern))
    except (RecursionError, OverflowError) as error:
        raise Endless(str(error)) from error
    return ways.choices * comb(NAME + ways.unbounded, ways.unbounded)


def _sequence(steps: Any) -> _Ways:
    ways = _Ways()
    for step in steps:
        new = _step(*step)
        ways = _Ways(ways.choices * new.choices, ways.unbounded + new.unbounded, ways.repeats or new.repeats)
    return ways


def _step(kind: Any, value: Any) -> _Ways:
    if kind in _REPEATS:
        return _repeat(*value)
    if kind is _constants.BRANCH:
        return _branch(value[1])
    if kind is _constants.GROUPREF_EXISTS:
        return _branch([part for part in value[1:] if part is not None])
    if kind in (_constants.SUBPATTERN, _constants.ASSERT, _constants.ASSERT_NOT):
        return _sequence(value[-1])
    if kind is _constants.ATOMIC_GROUP:
        return _sequence(value)
    return _Ways()  # one character, a position, or a repetition of what a group matched


def _repeat(least: int, most: int, body: Any) -> _Ways:
    inner = _sequence(body)
    if most <= 1:
        return _Ways(inner.choices + 1, inner.unbounded, inner.repeats)
    if inner.repeats or inner.choices > 1 or least > MOST_TIMES:
        raise Endless("a repetition within a repetition")
    if most is _constants.MAXREPEAT or most > NAME:
        return _Ways(unbounded=1, repeats=True)
    return _Ways(choices=most - least + 1, repeats=True)


def _branch(alternatives: Any) -> _Ways:
    """Alternatives that begin with different letters cannot both go on."""
    inner = [_sequence(alternative) for alternative in alternatives]
    firsts = {_first_letter(alternative) for alternative in alternatives}
    apart = len(firsts) == len(inner) and None not in firsts
    return _Ways(
        (max if apart else sum)(ways.choices for ways in inner),
        max(ways.unbounded for ways in inner),
        any(ways.repeats for ways in inner),
    )


def _first_letter(steps: Any) -> str | None:
    if len(steps) and steps[0][0] is _constants.LITERAL:
        return chr(steps[0][1]).casefold()  # as if case made no difference: a flag may say so
    return None
