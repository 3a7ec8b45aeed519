"""The caller may not, or not now, or not so much."""

from __future__ import annotations

from registry.errors.root import RegistryError


class NotPermitted(RegistryError):
    """The caller may not do that."""

    code = "not-permitted"


class NotAuthenticated(NotPermitted):
    """There is no valid token where one is needed."""

    code = "not-authenticated"


class GatedRepository(NotPermitted):
    """Its owners let in whom they choose, and the caller is not among them."""

    code = "gated"


class InvalidAccess(RegistryError):
    """Access cannot be asked for or given: the repository has no gate, or whoever it is about is let in already."""

    code = "invalid-access"


class ForgedNotice(RegistryError):
    """A webhook message carries no valid signature."""

    code = "forged-notice"


class TooLarge(RegistryError):
    """More bytes, or more of something, than is allowed."""

    code = "too-large"


class RateLimited(RegistryError):
    """More requests than are allowed in a time; `seconds` until it is worth trying again."""

    code = "rate-limited"

    def __init__(self, message: str, hint: str = "", seconds: int = 60) -> None:
        super().__init__(message, hint)
        self.seconds = seconds
