"""Cursors: where a page of a listing ends, as text that clients hand back and need not understand."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime

import msgspec

from registry.errors import InvalidReference
from registry.index.plan import Place, Value

MAX_CURSOR = 200  # characters
MAX_WHOLE = 1 << 63  # what the databases' integers hold


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    sort: str
    value: str | int | float
    id: int


def write_cursor(sort: str, place: Place) -> str:
    """The cursor of a place in the order `sort`."""
    value = place[0].isoformat() if isinstance(place[0], datetime) else place[0]
    return base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(sort, value, place[1]))).decode().rstrip("=")


def read_cursor(sort: str, text: str) -> Place | None:
    """The place that a cursor stands for; None for an empty one.

    Raises:
        InvalidReference: it was not made by `write_cursor` for that order.
    """
    if not text:
        return None
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(data, type=_Cursor)
        if len(text) <= MAX_CURSOR and cursor.sort == sort and 0 <= cursor.id < MAX_WHOLE:
            return _value(sort, cursor.value), cursor.id
    except (msgspec.DecodeError, UnicodeError, binascii.Error, ValueError, TypeError):
        pass
    raise InvalidReference("the cursor is not one of this listing", "Begin without a cursor, and follow its links.")


def _value(sort: str, value: str | int | float) -> Value:
    """What is sorted by, of the type that its column has.

    Raises:
        ValueError: it is of another.
    """
    if sort in ("lastModified", "createdAt") and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo == UTC:
            return moment
    elif sort in ("downloads", "likes") and isinstance(value, int) and abs(value) < MAX_WHOLE:
        return value
    elif sort == "metric" and isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise ValueError(value)
