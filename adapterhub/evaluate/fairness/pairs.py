"""Pairs of words that say who a text is about, and texts in which they are exchanged.

The list that comes along (``identity_pairs.toml``) names its sources; a file of the same form adds to it. Knows words
of languages that mark them by boundaries, and English ones so far; grammar that has to follow (he is, they are) is not
looked after.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import msgspec

from adapterhub.errors import DataError

SHIPPED = "identity_pairs.toml"
Terms = Annotated[list[Annotated[str, msgspec.Meta(min_length=1)]], msgspec.Meta(min_length=2)]


class TermSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sets of words of one `group` (gender, religion …), and where they are from."""

    group: str
    source: str
    terms: list[Terms]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    set: list[TermSet]


@dataclass(frozen=True)
class IdentityPair:
    """Two words that are exchanged for each other."""

    group: str
    first: str
    second: str

    @cached_property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"\b({re.escape(self.first)}|{re.escape(self.second)})\b", re.IGNORECASE)

    def exchanged(self, text: str) -> str:
        """`text` with each of the two words replaced by the other, upper and lower case kept."""
        return self._word.sub(self._other, text)

    def _other(self, match: re.Match[str]) -> str:
        word = match.group()
        other = self.second if word.casefold() == self.first.casefold() else self.first
        if word.isupper() and len(word) > 1:
            return other.upper()
        return other[:1].upper() + other[1:] if word[0].isupper() else other.lower()

    def exchanged_in(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with the words exchanged in its texts and in its lists of texts."""
        return {name: self._exchanged_value(value) for name, value in row.items()}

    def _exchanged_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.exchanged(value)
        if isinstance(value, list):
            return [self._exchanged_value(one) for one in value]
        return value


def identity_pairs(*more: Path) -> list[IdentityPair]:
    """The pairs that come along, and those of the files in `more`; none twice.

    Raises:
        DataError: a file cannot be read, or is not of the form of the one that comes along.
    """
    shipped = files("adapterhub.evaluate.fairness").joinpath(SHIPPED).read_text(encoding="utf-8")
    sets = [*_sets(shipped, SHIPPED)]
    for path in more:
        try:
            sets += _sets(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read: {error}", "Name a TOML file in UTF-8.") from error
    return list(dict.fromkeys(_pairs(sets)))


def _sets(text: str, name: str) -> list[TermSet]:
    try:
        return msgspec.convert(tomllib.loads(text), _File).set
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DataError(
            f"{name}: {error}", 'Write [[set]] with group, source and terms = [["woman", "man"], …].'
        ) from error


def _pairs(sets: list[TermSet]) -> Iterator[IdentityPair]:
    for one in sets:
        for terms in one.terms:
            for first, second in combinations(terms, 2):
                yield IdentityPair(one.group, first, second)
