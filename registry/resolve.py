"""Which of a repository's versions a selector means; a pure function, the same for every kind of registry.

Knows versions, their status and aliases as values. Revoked versions are never chosen, yanked ones only when named
exactly (by number, digest or alias), pre-releases only when named exactly or by a range that names one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semantic_version import NpmSpec

from registry.errors import AliasNotFound, OnlyYanked, RevokedVersion, VersionNotFound
from registry.protocol import Version
from registry.selector import Kind, Reference, precedence


def choose(reference: Reference, versions: Sequence[Version], aliases: Mapping[str, str]) -> Version:
    """The version that `reference` means.

    Args:
        versions: all of the repository's, in any order.
        aliases: name → version number.

    Raises:
        VersionNotFound, AliasNotFound: there is none (OnlyYanked: none that is not yanked).
        RevokedVersion: it was revoked.
    """
    text = reference.selector.text
    match reference.selector.kind:
        case Kind.EXACT:
            return usable(_pinned(reference, text, versions))
        case Kind.ALIAS:
            if text not in aliases:
                known = ", ".join(sorted(aliases)) or "none"
                raise AliasNotFound(f"{reference.repository} has no alias {text!r}", f"Its aliases: {known}.")
            return usable(_pinned(reference, aliases[text], versions))
        case Kind.DIGEST:
            return _by_digest(reference, versions)
        case Kind.RANGE:
            spec = NpmSpec(text)
            return _highest(reference, [one for one in versions if spec.match(precedence(one.version))])
        case Kind.LATEST:
            return _highest(reference, [one for one in versions if not precedence(one.version).prerelease])


def latest(versions: Sequence[Version]) -> Version | None:
    """The highest version that is neither pre-release, yanked nor revoked, if there is one."""
    released = [one for one in versions if one.status == "active" and not precedence(one.version).prerelease]
    return max(released, key=_order, default=None)


def usable(version: Version) -> Version:
    """Return `version` unless it is revoked.

    Raises:
        RevokedVersion: it is.
    """
    if version.status == "revoked":
        raise RevokedVersion(f"{version} was revoked: {version.reason}", "Move to another version of this repository.")
    return version


def _pinned(reference: Reference, number: str, versions: Sequence[Version]) -> Version:
    for one in versions:
        if one.version == number:
            return one
    raise VersionNotFound(f"{reference.repository} has no version {number}", _newest(versions))


def _by_digest(reference: Reference, versions: Sequence[Version]) -> Version:
    """The version of that content; revoking one version revokes its content, whatever other number it has."""
    same = [one for one in versions if one.digest == reference.selector.text]
    if not same:
        raise VersionNotFound(
            f"{reference.repository} has no version of digest {reference.selector}", _newest(versions)
        )
    for one in same:
        usable(one)
    return max(same, key=lambda one: (one.status == "active", _order(one)))


def _highest(reference: Reference, matching: Sequence[Version]) -> Version:
    active = [one for one in matching if one.status == "active"]
    if active:
        return max(active, key=_order)
    yanked = [one for one in matching if one.status == "yanked"]
    if yanked:
        raise OnlyYanked(
            f"every version of {reference.repository} that {reference.selector} allows is yanked: {_numbers(yanked)}",
            f"Wait for a new version, or pin one on purpose: {max(yanked, key=_order)}.",
        )
    if matching:
        raise VersionNotFound(
            f"all of {reference.repository} that {reference.selector} allows were revoked: {_numbers(matching)}",
            "Ask its publisher for a new version.",
        )
    raise VersionNotFound(
        f"no version of {reference.repository} is what {reference.selector} allows",
        "Only pre-releases may exist, which must be named exactly. See the repository's versions.",
    )


def _order(version: Version) -> Any:
    return precedence(version.version)


def _numbers(versions: Sequence[Version]) -> str:
    return ", ".join(one.version for one in sorted(versions, key=_order, reverse=True))


def _newest(versions: Sequence[Version]) -> str:
    ordered = sorted(versions, key=_order, reverse=True)
    return "Its versions: " + (", ".join(one.version for one in ordered[:5]) or "none") + "."
