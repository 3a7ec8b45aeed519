"""Every error that adapterhub raises on purpose, drawn as one tree.

::

    AdapterHubError
    ├── RecipeError            a recipe document is wrong: the place, and the nearest known key
    ├── DataError              a data file or a row of it is wrong: file, line, column
    ├── BackboneError          a base model is not here, or cannot be loaded
    ├── AdapterError           an adapter folder does not fit its backbone: refused, nothing was loaded
    ├── RequestError           one row of a request cannot be answered
    │   ├── RowError           which of several it is
    │   └── EngineClosed       nor can any other one, by this engine
    ├── RunError               a run's folder cannot be used as asked
    ├── SandboxError           a program that a model wrote cannot be run safely here, and was not
    └── MissingDependency      a package that this command needs is not installed

The registry has its own root, ``registry.errors.RegistryError``, of the same form. Both are turned into exit codes
in one place, ``adapterhub.cli``.
"""

from __future__ import annotations

from typing import ClassVar


class AdapterHubError(Exception):
    """What happened (``message``) and what to do about it (``hint``), under a stable ``code``."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class RecipeError(AdapterHubError):
    """A recipe document is wrong."""

    code = "recipe"


class DataError(AdapterHubError):
    """A data file, or a row of one, is wrong."""

    code = "data"


class BackboneError(AdapterHubError):
    """A base model is not here, or cannot be loaded."""

    code = "backbone"


class AdapterError(AdapterHubError):
    """An adapter folder does not fit its backbone; nothing was loaded."""

    code = "adapter"


class RequestError(AdapterHubError):
    """One row of a request cannot be answered."""

    code = "request"


class RowError(RequestError):
    """One row of several cannot be answered: the one at `index`, from 0, for the `reason` that the message repeats."""

    def __init__(self, index: int, reason: str, hint: str = "") -> None:
        super().__init__(f"row {index}: {reason}", hint)
        self.index = index
        self.reason = reason


class EngineClosed(RequestError):
    """The engine was closed, or came to a fault after which it can compute no more."""

    code = "closed"

    def __init__(self, message: str = "the engine is closed", hint: str = "Open another one.") -> None:
        super().__init__(message, hint)


class RunError(AdapterHubError):
    """A run's folder cannot be used as asked."""

    code = "run"


class SandboxError(AdapterHubError):
    """A program that a model wrote cannot be run safely here, and was not."""

    code = "sandbox"


class MissingDependency(AdapterHubError):
    """A package that this command needs is not installed."""

    code = "missing-dependency"
