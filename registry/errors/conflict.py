"""Somebody else was there first, or what is there cannot be changed."""

from __future__ import annotations

from registry.errors.root import RegistryError


class Conflict(RegistryError):
    """Somebody else was there first."""

    code = "conflict"


class VersionConflict(Conflict):
    """Other content already has this version."""

    code = "version-conflict"


class AliasConflict(Conflict):
    """The alias is not where the caller expected it."""

    code = "alias-conflict"


class RepositoryExists(Conflict):
    """The name of the repository is taken."""

    code = "repository-exists"


class RefExists(Conflict):
    """The branch or tag is there already."""

    code = "ref-exists"


class StaleParent(Conflict):
    """The branch has moved on since the caller looked."""

    code = "stale-parent"


class MergeConflict(Conflict):
    """Two sides changed the same files in different ways; `paths` names them."""

    code = "merge-conflict"

    def __init__(self, message: str, hint: str = "", paths: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.paths = paths


class WrongStatus(Conflict):
    """A discussion or pull request is not in the state that the act needs."""

    code = "wrong-status"


class VersionImmutable(RegistryError):
    """A version cannot be moved or deleted."""

    code = "version-immutable"


class RevokedVersion(RegistryError):
    """The version was withdrawn and is refused everywhere."""

    code = "revoked"


class TakenDown(RevokedVersion):
    """The version was withdrawn and its files were removed; what is left of it is its record."""

    code = "taken-down"
