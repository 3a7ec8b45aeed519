"""The registry itself, or the package, cannot do it here."""

from __future__ import annotations

from registry.errors.root import RegistryError


class MissingDependency(RegistryError):
    """A package that this needs is not installed."""

    code = "missing-dependency"


class RegistryUnavailable(RegistryError):
    """The registry cannot be opened, read or written now."""

    code = "unavailable"


class UnsupportedRegistry(RegistryError):
    """That kind of registry cannot do this, or this version of the package cannot talk to it."""

    code = "unsupported"


class NameCollision(RegistryError):
    """Another package claims the import name ``registry``."""

    code = "name-collision"
