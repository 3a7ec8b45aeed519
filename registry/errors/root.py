"""What every error of the registry has."""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """What happened (``message``) and what to do about it (``hint``), under a stable ``code``."""

    code: ClassVar[str] = "registry"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
