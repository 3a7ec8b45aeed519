"""Tickets: what an address or a short-lived token says of itself, signed, so that it needs no login and no table.

LFS clients send bytes to an address without their token, and Xet clients with a token of its own.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from itsdangerous import BadSignature, URLSafeTimedSerializer

from registry.errors import NotPermitted

AGE = 24 * 3600  # seconds that an upload may take
XET_AGE = 3600  # seconds; a Xet client asks for another token before it ends


class UploadTicket(msgspec.Struct, frozen=True):
    """Who may send which bytes for which repository.

    Attributes:
        token: the id of the token that it was given for, and without which it is worth nothing.
        repository: its id; `kind` and `name` find it.
        parts: how many parts the bytes come in, 0 for all at once.
        upload: tells the parts of one upload from those of another.
    """

    kind: str
    name: str
    user: str
    token: int
    sha256: str
    size: int
    parts: int = 0
    upload: str = ""


class XetTicket(msgspec.Struct, frozen=True):
    """Who may send files for which repository by Xet, whichever they are."""

    kind: str
    name: str
    user: str
    token: int


T = TypeVar("T", UploadTicket, XetTicket)


class Tickets:
    """Signs and reads tickets with a secret that all processes share."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def sign(self, ticket: UploadTicket | XetTicket) -> str:
        """The ticket as text for an address."""
        return str(self._serializer(type(ticket)).dumps(msgspec.to_builtins(ticket)))

    def read(self, kind: type[T], text: str) -> T:
        """The ticket of that kind that `text` is.

        Raises:
            NotPermitted: it was not signed here, is of another kind, or is over.
        """
        age = XET_AGE if kind is XetTicket else AGE
        try:
            return msgspec.convert(self._serializer(kind).loads(text, max_age=age), kind)
        except (BadSignature, msgspec.ValidationError) as error:
            raise NotPermitted("this upload address is not valid, or no longer", "Begin the upload again.") from error

    def _serializer(self, kind: type[UploadTicket | XetTicket]) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._secret, salt=kind.__name__)
