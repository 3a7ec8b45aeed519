"""A key that somebody trusts: since when, and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from registry.errors import InvalidKey
from registry.signing.keys import PublicKey

Moment = Annotated[datetime, Meta(tz=True)]


class TrustedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key under a name for people. Retiring it leaves what was published before as it is.

    Attributes:
        key_id: see `PublicKey.key_id`.
        public_pem: the key itself.
        added: when it was first trusted; what it signed earlier is trusted too.
        retired: from then on, nothing new by it is trusted.
    """

    key_id: str
    public_pem: str
    name: str
    added: Moment
    retired: Moment | None = None

    def __post_init__(self) -> None:
        try:
            found = self.public.key_id
        except InvalidKey as error:
            raise ValueError(f"public_pem: {error.message}") from error
        if found != self.key_id:
            raise ValueError(f"key_id is not that of public_pem, which is {found}")

    @property
    def public(self) -> PublicKey:
        """The key as a value."""
        return PublicKey.from_pem(self.public_pem)

    def signs_at(self, moment: datetime) -> bool:
        """Whether what was published at `moment` may be signed by it."""
        return self.retired is None or moment < self.retired
