"""The JSON documents of this project's own endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from registry.index.releases import Release
from registry.manifest import Manifest
from registry.protocol import AliasChange, AuditEntry, Changes, Status

DIGEST = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
COMMIT = "6f9619ff8b86d011b42d00cf4fc964ff6f9619ff"
Number = Field(description="Strict SemVer, without build metadata.", examples=["1.4.0"])


class VersionDocument(BaseModel):
    """A version, and how it came to be."""

    repository: str = Field(description="Its id now; a repository that was moved is found by its old id too.")
    number: str = Number
    digest: str = Field(description="The identity of its content.", examples=[DIGEST])
    commit: str = Field(description="The commit that its tag names; a revision to read its files at.")
    status: Status = Field(
        description="`yanked`: ranges and latest pass it over, and pins warn. `revoked`: it is refused everywhere."
    )
    reason: str = Field(description="Why it was yanked or revoked; empty for active ones.")
    published: datetime
    author: str = Field(description="Who tagged it.")
    derived: bool = Field(description="Its commit holds no manifest.json, and the server made one.")
    signed: bool = Field(description="It holds a signature. Whether that is right is for whoever pulls to verify.")
    removed: datetime | None = Field(description="When its files were taken down; what is left is this record.")

    @classmethod
    def of(cls, release: Release) -> VersionDocument:
        """The document of a version."""
        return cls(**_fields(release))


class FullVersion(VersionDocument):
    """A version with its manifest."""

    manifest: dict[str, Any] = Field(
        description="What it says of itself; the sha256 of its RFC 8785 form is the digest. It lists the version's "
        "files with their sizes and sha256."
    )

    @classmethod
    def holding(cls, release: Release, manifest: Manifest) -> FullVersion:
        """The document of a version with that manifest."""
        return cls(**_fields(release), manifest=dict(manifest.document))


class AliasMove(BaseModel):
    """Where an alias shall point, and where the caller last saw it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": "1.4.0", "expect": "1.3.2"}]})
    version: str = Number
    expect: str | None = Field(
        description="The version that it is at; null if there must be no alias of that name yet. It has no default: "
        "who moves an alias says from where."
    )


class AliasChangeDocument(BaseModel):
    """One move of an alias."""

    alias: str = Field(examples=["production"])
    version: str = Number
    previous: str | None = Field(description="Where it was before; null for the first move.")
    at: datetime
    author: str

    @classmethod
    def of(cls, change: AliasChange) -> AliasChangeDocument:
        """The document of a move."""
        return cls(
            alias=change.alias, version=change.version, previous=change.previous, at=change.at, author=change.author
        )


class Reason(BaseModel):
    """Why; whoever is warned or refused reads it."""

    reason: str = Field(pattern=r"\S", max_length=1000, examples=["labels 3 and 4 are swapped"])


class ChangesDocument(BaseModel):
    """What changed since a mark."""

    mark: int = Field(description="What to ask from the next time.")
    repositories: list[str] | None = Field(
        description="Ids in lower case, with all ids that a moved repository had. Null: any may have changed, since "
        "no mark was given, it is unknown here, or too many changed."
    )

    @classmethod
    def of(cls, changes: Changes) -> ChangesDocument:
        """The document of changes."""
        names = changes.repositories
        return cls(mark=changes.mark, repositories=None if names is None else sorted(names))


class AuditDocument(BaseModel):
    """One change, or one refusal."""

    id: int = Field(description="Grows with each entry.")
    at: datetime
    actor: str = Field(description="Who did it; empty for what was done without the server.")
    action: str = Field(examples=["publish", "publish-refused", "alias", "revoke"])
    repository: str
    subject: str = Field(description="The version, alias, branch, tag or account that it is about.")
    detail: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditDocument:
        """The document of an entry."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            repository=entry.repository,
            subject=entry.subject,
            detail=entry.detail,
        )


def _fields(release: Release) -> dict[str, Any]:
    version = release.version
    return {
        "repository": version.repository,
        "number": version.version,
        "digest": version.digest,
        "commit": version.commit,
        "status": version.status,
        "reason": version.reason,
        "published": release.published,
        "author": release.author,
        "derived": release.derived,
        "signed": release.signed,
        "removed": release.removed,
    }
