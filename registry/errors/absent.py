"""What was asked for is not there."""

from __future__ import annotations

from registry.errors.root import RegistryError


class NotFound(RegistryError):
    """The registry does not hold what was asked for."""

    code = "not-found"


class RepositoryNotFound(NotFound):
    """No repository of that id."""

    code = "repository-not-found"


class RevisionNotFound(NotFound):
    """No branch, tag, alias or commit of that name."""

    code = "revision-not-found"


class EntryNotFound(NotFound):
    """The commit has no file of that path."""

    code = "entry-not-found"


class VersionNotFound(NotFound):
    """No version, or none that can be chosen, is what was asked for."""

    code = "version-not-found"


class OnlyYanked(VersionNotFound):
    """Every version that would do is yanked."""

    code = "only-yanked"


class AliasNotFound(NotFound):
    """The repository has no alias of that name."""

    code = "alias-not-found"


class DiscussionNotFound(NotFound):
    """No discussion or pull request of that number, or no such comment in it."""

    code = "discussion-not-found"


class AccountNotFound(NotFound):
    """No user or organisation of that name, or no token or member of it."""

    code = "account-not-found"


class AccessNotFound(NotFound):
    """Nobody asked for that access, or the answer stands already."""

    code = "access-not-found"
