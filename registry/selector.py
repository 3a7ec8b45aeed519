"""``owner/name@selector``: what a reference may look like, and which kind of selector it holds.

Knows the grammar of repository ids (the Hub's rules), strict SemVer, npm ranges, alias names and digests. Refuses to
know what exists: choosing among versions is ``registry.resolve``. A selector is read in this order: ``sha256:…``, exact
version, ``latest``, npm range, alias; no text is of two kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from semantic_version import NpmSpec, validate
from semantic_version import Version as SemVer

from registry.errors import InvalidReference

LATEST = "latest"
MAIN = "main"
MAX_SELECTOR = 256  # characters
MAX_VERSION = 96  # characters, as the Hub allows for the name of a tag
RESERVED = {LATEST, MAIN, "head"}

_ID_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_NAMESPACE = re.compile(_ID_PART)
_REPOSITORY = re.compile(rf"{_ID_PART}/{_ID_PART}")
_BASE = re.compile(rf"(?:{_ID_PART}/)?{_ID_PART}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Kind(StrEnum):
    """What a selector is."""

    EXACT = "exact"
    RANGE = "range"
    ALIAS = "alias"
    DIGEST = "digest"
    LATEST = "latest"


@dataclass(frozen=True)
class Selector:
    """What follows the ``@``."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Reference:
    """A repository and which of its versions is meant; ``str()`` of it parses back to the same."""

    repository: str
    selector: Selector

    def __str__(self) -> str:
        return f"{self.repository}@{self.selector}"


def parse_reference(text: str) -> Reference:
    """Read ``owner/name`` (which means ``@latest``) or ``owner/name@selector``.

    Raises:
        InvalidReference: it is neither.
    """
    repository, at, selector = text.partition("@")
    return Reference(check_repository(repository), parse_selector(selector if at else LATEST))


def parse_selector(text: str) -> Selector:
    """Read what follows the ``@``.

    Raises:
        InvalidReference: it is no selector.
    """
    if len(text) <= MAX_SELECTOR:
        if _DIGEST.fullmatch(text):
            return Selector(Kind.DIGEST, text)
        if text == LATEST:
            return Selector(Kind.LATEST, text)
        if is_version(text):
            return Selector(Kind.EXACT, check_version(text))
        if _is_range(text):
            return Selector(Kind.RANGE, text)
        if _ALIAS.fullmatch(text):
            return Selector(Kind.ALIAS, text)
    raise InvalidReference(
        f"{_shown(text)} selects nothing",
        "After the @ comes a version (1.4.0), a range (^1.4), an alias (production) or sha256: and 64 hex digits.",
    )


def check_repository(text: str) -> str:
    """Return `text` if it is a repository id, ``owner/name``.

    Raises:
        InvalidReference: it is not.
    """
    if not _REPOSITORY.fullmatch(text) or _forbidden(text):
        raise InvalidReference(
            f"{_shown(text)} is not a repository id",
            "Write owner/name: letters, digits, . _ - (neither at an end nor doubled), 96 characters each at most.",
        )
    return text


def check_namespace(text: str) -> str:
    """Return `text` if it can be the part of a repository id before the slash.

    Raises:
        InvalidReference: it cannot.
    """
    if not _NAMESPACE.fullmatch(text) or _forbidden(text):
        raise InvalidReference(
            f"{_shown(text)} cannot be the name of a user or an organisation",
            "Use letters, digits, . _ - (neither at an end nor doubled), 96 characters at most.",
        )
    return text


def check_version(text: str) -> str:
    """Return `text` if it is a version that can be published: strict SemVer without build metadata.

    Raises:
        InvalidReference: it is not.
    """
    if len(text) > MAX_VERSION or not is_version(text):
        raise InvalidReference(f"{_shown(text)} is not a version", "Write three numbers: 1.4.0, or 1.4.0-rc.1.")
    if "+" in text:
        raise InvalidReference(
            f"{_shown(text)} has build metadata, which has no order, so that ranges could not choose",
            f"Write {text.partition('+')[0]}.",
        )
    return text


def check_alias(text: str) -> str:
    """Return `text` if it can be set as an alias.

    Raises:
        InvalidReference: it cannot; ``latest`` among others, which is computed.
    """
    if text.lower() == LATEST:
        raise InvalidReference(
            "latest cannot be set: it always means the highest version", "Choose another name, such as production."
        )
    free = text.lower() not in RESERVED and not _COMMIT.fullmatch(text)
    if len(text) > MAX_VERSION or not free or parse_selector(text).kind is not Kind.ALIAS:
        raise InvalidReference(
            f"{_shown(text)} cannot be an alias",
            "Use a letter, then letters, digits, . _ -; not what reads as a version, a range, a commit or main.",
        )
    return text


def is_version(text: str) -> bool:
    """Whether `text` is strict SemVer, build metadata allowed; `check_version` says what can be published."""
    return text.isascii() and bool(validate(text))


def is_base_id(text: str) -> bool:
    """Whether `text` can be the Hub id of a base model (``owner/name``, or a bare name as old models have)."""
    return bool(_BASE.fullmatch(text)) and not _forbidden(text)


def precedence(version: str) -> SemVer:
    """The order of versions, for ``sorted`` and ``max``."""
    return SemVer(version)


def _forbidden(repository: str) -> bool:
    return "--" in repository or ".." in repository or repository.endswith(".git")


def _is_range(text: str) -> bool:
    if not text.strip() or not text.isascii():
        return False
    try:
        NpmSpec(text)
    except (ValueError, AttributeError):  # the latter by an oversight of its parser, for one: "00 - 0"
        return False
    return True


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")
