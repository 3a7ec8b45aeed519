"""A manifest that was checked: typed where it is read often, and whole in its canonical bytes.

An engine holds one beside each adapter in memory, so the nested document is made when it is asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

from registry.errors import AdmissionRefused, ManifestError
from registry.folder.files import MANIFEST, UNLISTED, check_path
from registry.manifest.schema import BasePart, Document, FileEntry, HeadPart, MethodPart, TaskPart
from registry.selector import is_base_id

HINT = f"Correct {MANIFEST}, or delete it and let publish make one."
MAX_BYTES = 4 << 20
MAX_INT = (1 << 53) - 1  # the last whole number that a double tells from its neighbours


@dataclass(frozen=True)
class Manifest:
    """What a version says of itself. Two are equal if their canonical bytes are.

    Attributes:
        canonical_bytes: the RFC 8785 form; all else is read from it.
        typed: the keys of schema version 1, typed.
    """

    canonical_bytes: bytes = field(repr=False)
    typed: Document = field(compare=False, repr=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Manifest:
        """Check a document.

        Raises:
            ManifestError: it is not valid; the message starts with the place.
        """
        try:
            canonical = rfc8785.dumps(dict(document))
        except (rfc8785.CanonicalizationError, RecursionError) as error:
            raise ManifestError(f"{MANIFEST} has no canonical form: {error}", HINT) from error
        return cls.from_bytes(canonical)

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read a manifest from JSON.

        Raises:
            ManifestError: it is not JSON or not valid; the message starts with the place.
        """
        if len(data) > MAX_BYTES:
            raise ManifestError(f"{MANIFEST} has {len(data):,} bytes; {MAX_BYTES:,} are allowed", HINT)
        try:
            document = _parsed(data)
            canonical = rfc8785.dumps(document)
            typed = msgspec.convert(document, Document)
        except msgspec.ValidationError as error:
            raise ManifestError(_placed(str(error)), HINT) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, rfc8785.CanonicalizationError) as error:
            raise ManifestError(f"{MANIFEST} cannot be read: {error}", HINT) from error
        _check(typed)
        return cls(canonical, typed)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``manifest.json`` of an adapter folder.

        Raises:
            ManifestError: there is none, or it is not valid.
        """
        try:
            return cls.from_bytes((folder / MANIFEST).read_bytes())
        except FileNotFoundError as error:
            raise ManifestError(
                f"{folder} holds no {MANIFEST}", "Pull a version, or publish the folder first."
            ) from error

    @property
    def document(self) -> dict[str, Any]:
        """Every key, unknown ones included: a new copy each time."""
        return _parsed(self.canonical_bytes)

    def canonical(self) -> bytes:
        """The RFC 8785 form, over which the digest is taken."""
        return self.canonical_bytes

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the canonical form: the version's identity."""
        return "sha256:" + hashlib.sha256(self.canonical_bytes).hexdigest()

    @property
    def task(self) -> TaskPart:
        """What it was trained for."""
        return self.typed.task

    @property
    def method(self) -> MethodPart:
        """How the base was adapted."""
        return self.typed.method

    @property
    def base(self) -> BasePart:
        """The frozen model."""
        return self.typed.base

    @property
    def head(self) -> HeadPart:
        """What stands on the base."""
        return self.typed.head

    @property
    def labels(self) -> tuple[str, ...]:
        """The head's labels, in the order of its outputs."""
        return tuple(self.typed.head.labels)

    @property
    def licence(self) -> str:
        """Under which the adapter may be used."""
        return self.typed.licence

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The version's files, this manifest excepted."""
        return tuple(self.typed.files)


def _parsed(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = _with_doubles(msgspec.json.decode(data, type=dict[str, Any]))
    return document


def _with_doubles(value: Any) -> Any:
    """JSON's numbers are doubles, and RFC 8785 writes large whole ones like ints: read them as what they were."""
    if isinstance(value, dict):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_doubles(item) for item in value]
    if type(value) is int and MAX_INT < abs(value) < 10**21 and rfc8785.dumps(float(value)) == str(value).encode():
        return float(value)
    return value


def _check(typed: Document) -> None:
    """What the types do not say."""
    if not is_base_id(typed.base.id):
        raise ManifestError(
            f"base.id: {typed.base.id!r} is not a Hub id", "Name the base as the Hub does, owner/name; never by a path."
        )
    if not typed.licence.strip():
        raise ManifestError("licence: it is blank", "Name a licence, for example apache-2.0.")
    label, times = next(iter(Counter(typed.head.labels).most_common(1)), ("", 0))
    if times > 1:
        raise ManifestError(f"head.labels: {label!r} is there {times} times", "Each output needs a label of its own.")
    seen: set[str] = set()
    for index, entry in enumerate(typed.files):
        try:
            check_path(entry.path)
        except AdmissionRefused as error:
            raise ManifestError(f"files[{index}].path: {error.message}", error.hint) from error
        if entry.path in seen or entry.path in UNLISTED:
            raise ManifestError(f"files[{index}].path: {entry.path} does not belong here, or not twice", HINT)
        seen.add(entry.path)


def _placed(message: str) -> str:
    """``base.id: expected str``, from msgspec's "Expected `str` - at `$.base.id`"."""
    what, at, place = message.partition(" - at `$")
    found = re.fullmatch(r"\.?(.*)`", place) if at else None
    return f"{found[1] if found and found[1] else MANIFEST}: {what[:1].lower()}{what[1:]}".replace("`", "")
