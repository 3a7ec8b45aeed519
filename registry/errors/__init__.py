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

from registry.errors.absent import (
    AccessNotFound,
    AccountNotFound,
    AliasNotFound,
    DiscussionNotFound,
    EntryNotFound,
    NotFound,
    OnlyYanked,
    RepositoryNotFound,
    RevisionNotFound,
    VersionNotFound,
)
from registry.errors.access import (
    ForgedNotice,
    GatedRepository,
    InvalidAccess,
    NotAuthenticated,
    NotPermitted,
    RateLimited,
    TooLarge,
)
from registry.errors.conflict import (
    AliasConflict,
    Conflict,
    MergeConflict,
    RefExists,
    RepositoryExists,
    RevokedVersion,
    StaleParent,
    TakenDown,
    VersionConflict,
    VersionImmutable,
    WrongStatus,
)
from registry.errors.content import (
    AdmissionRefused,
    BadUpload,
    CorruptBlob,
    InvalidKey,
    InvalidPath,
    InvalidReference,
    LockError,
    ManifestError,
    MissingBytes,
    SignatureError,
    SignatureInvalid,
    SignatureMissing,
    TrustError,
)
from registry.errors.place import MissingDependency, NameCollision, RegistryUnavailable, UnsupportedRegistry
from registry.errors.root import RegistryError
from registry.errors.warned import LeftOutWarning, OfflineWarning, YankedWarning

__all__ = [
    "AccessNotFound",
    "AccountNotFound",
    "AdmissionRefused",
    "AliasConflict",
    "AliasNotFound",
    "BadUpload",
    "Conflict",
    "CorruptBlob",
    "DiscussionNotFound",
    "EntryNotFound",
    "ForgedNotice",
    "GatedRepository",
    "InvalidAccess",
    "InvalidKey",
    "InvalidPath",
    "InvalidReference",
    "LeftOutWarning",
    "LockError",
    "ManifestError",
    "MergeConflict",
    "MissingBytes",
    "MissingDependency",
    "NameCollision",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "OfflineWarning",
    "OnlyYanked",
    "RateLimited",
    "RefExists",
    "RegistryError",
    "RegistryUnavailable",
    "RepositoryExists",
    "RepositoryNotFound",
    "RevisionNotFound",
    "RevokedVersion",
    "SignatureError",
    "SignatureInvalid",
    "SignatureMissing",
    "StaleParent",
    "TakenDown",
    "TooLarge",
    "TrustError",
    "UnsupportedRegistry",
    "VersionConflict",
    "VersionImmutable",
    "VersionNotFound",
    "WrongStatus",
    "YankedWarning",
]
