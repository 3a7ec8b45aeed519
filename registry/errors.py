"""Every error that the registry raises on purpose, drawn as one tree.

::

    RegistryError
    ├── InvalidReference        a repository id, version, alias or selector is not well formed
    ├── NotFound
    │   ├── RepositoryNotFound
    │   ├── RevisionNotFound    no branch, tag, alias or commit of that name
    │   ├── EntryNotFound       the commit has no file of that path
    │   ├── VersionNotFound     no version, or none that can be chosen, is what was asked for
    │   │   └── OnlyYanked      some would do, but each of them is yanked
    │   ├── AliasNotFound
    │   ├── DiscussionNotFound  no discussion or pull request of that number, or no such comment in it
    │   ├── AccountNotFound     no user or organisation of that name, or no token or member of it
    │   └── AccessNotFound      nobody asked for that access, or the answer stands already
    ├── Conflict
    │   ├── VersionConflict     other content already has this version
    │   ├── AliasConflict       the alias is not where the caller expected it
    │   ├── RepositoryExists    the name of the repository is taken
    │   ├── RefExists           the branch or tag is there already
    │   ├── StaleParent         the branch has moved on since the caller looked
    │   ├── MergeConflict       two sides changed the same file in different ways
    │   └── WrongStatus         a discussion or pull request is not in the state that the act needs
    ├── VersionImmutable        a version cannot be moved or deleted
    ├── RevokedVersion          the version was withdrawn and is refused everywhere
    │   └── TakenDown           its files were removed as well
    ├── InvalidAccess           access cannot be asked for or given: there is no gate, or nobody left before it
    ├── InvalidPath             what should be the path of a file in a repository is none
    ├── MissingBytes            a commit names bytes that were not uploaded
    ├── ManifestError           manifest.json is not valid: the place in it
    ├── AdmissionRefused        the content cannot become a version: the file, and what is wrong with it
    ├── CorruptBlob             bytes are not those that were published: the file
    ├── NotPermitted            the caller may not do that
    │   ├── NotAuthenticated    there is no valid token where one is needed
    │   └── GatedRepository     its owners let in whom they choose, and the caller is not among them
    ├── ForgedNotice            a webhook message carries no valid signature
    ├── TooLarge                more bytes, or more of something, than is allowed
    ├── RateLimited             more requests than are allowed in a time
    ├── BadUpload               what a client sent breaks its format or its own hash: the place
    ├── SignatureError
    │   ├── SignatureMissing    the namespace takes signed versions only, and this one is not
    │   └── SignatureInvalid    it is over other files (which), or not by a key that is trusted
    ├── InvalidKey              a key cannot be made, read or found: the file, or the key's id
    ├── TrustError              trust.json is not valid: the place in it
    ├── MissingDependency       a package that this needs is not installed
    ├── RegistryUnavailable     the registry cannot be opened, read or written now
    ├── UnsupportedRegistry     that kind of registry cannot do this, or this version cannot talk to it
    ├── LockError               adapters.lock is not valid, or does not allow what is asked for
    └── NameCollision           another package claims the import name ``registry``

Warnings: ``YankedWarning`` when a yanked version was pinned, ``LeftOutWarning`` when a publish left files out,
``OfflineWarning`` when a Hub could not be asked.
"""

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


class InvalidReference(RegistryError):
    """A repository id, version, alias or selector is not well formed."""

    code = "invalid-reference"


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


class InvalidAccess(RegistryError):
    """Access cannot be asked for or given: the repository has no gate, or whoever it is about is let in already."""

    code = "invalid-access"


class InvalidPath(RegistryError):
    """What should be the path of a file in a repository is none."""

    code = "invalid-path"


class MissingBytes(RegistryError):
    """A commit names bytes that were not uploaded."""

    code = "missing-bytes"


class VersionImmutable(RegistryError):
    """A version cannot be moved or deleted."""

    code = "version-immutable"


class RevokedVersion(RegistryError):
    """The version was withdrawn and is refused everywhere."""

    code = "revoked"


class TakenDown(RevokedVersion):
    """The version was withdrawn and its files were removed; what is left of it is its record."""

    code = "taken-down"


class ManifestError(RegistryError):
    """manifest.json is not valid; the message starts with the place in it."""

    code = "manifest"


class AdmissionRefused(RegistryError):
    """The content cannot become a version; the message names the file."""

    code = "admission-refused"


class CorruptBlob(RegistryError):
    """Bytes are not those that were published; the message names the file."""

    code = "corrupt"


class NotPermitted(RegistryError):
    """The caller may not do that."""

    code = "not-permitted"


class NotAuthenticated(NotPermitted):
    """There is no valid token where one is needed."""

    code = "not-authenticated"


class GatedRepository(NotPermitted):
    """Its owners let in whom they choose, and the caller is not among them."""

    code = "gated"


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


class BadUpload(RegistryError):
    """What a client sent breaks its format, its limits or its own hash; the message names the place."""

    code = "bad-upload"


class SignatureError(RegistryError):
    """A version is not signed as its namespace requires."""

    code = "signature"


class SignatureMissing(SignatureError):
    """The namespace takes signed versions only, and this one is not."""

    code = "signature-missing"


class SignatureInvalid(SignatureError):
    """The signature is over other files, or not by a key that is trusted; the message says which."""

    code = "signature-invalid"


class InvalidKey(RegistryError):
    """A key cannot be made, read or found."""

    code = "key"


class TrustError(RegistryError):
    """The file of trusted keys is not valid; the message starts with the place in it."""

    code = "trust"


class MissingDependency(RegistryError):
    """A package that this needs is not installed."""

    code = "missing-dependency"


class RegistryUnavailable(RegistryError):
    """The registry cannot be opened, read or written now."""

    code = "unavailable"


class UnsupportedRegistry(RegistryError):
    """That kind of registry cannot do this, or this version of the package cannot talk to it."""

    code = "unsupported"


class LockError(RegistryError):
    """adapters.lock is not valid, or does not allow what is asked for."""

    code = "lock"


class NameCollision(RegistryError):
    """Another package claims the import name ``registry``."""

    code = "name-collision"


class YankedWarning(UserWarning):
    """A yanked version was pinned: it still works, and should be replaced."""


class LeftOutWarning(UserWarning):
    """A publish left files out that no version may hold."""


class OfflineWarning(UserWarning):
    """A Hub could not be asked, and what it said before was used."""
