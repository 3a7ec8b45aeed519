"""Ranges of bytes, RFC 9110 section 14: one range a request; a request for several gets all, as it may."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d{0,20})-(\d{0,20})")


class Unsatisfiable(Exception):
    """The range lies outside the bytes: 416."""


def parse(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last that a ``Range`` header asks for; None for all.

    Raises:
        Unsatisfiable: there are none.
    """
    found = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # not a range at all, so not to be heeded
    if start >= size or start >= stop:
        raise Unsatisfiable
    return start, stop
