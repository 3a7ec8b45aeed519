"""What adapters can be searched by, and what a search answers: values that the index, the server and programs share.

Knows no database. Parts of ids, labels and languages are compared in lower case, all else as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal, get_args

from registry.errors import InvalidReference
from registry.manifest import Manifest

Sort = Literal["lastModified", "createdAt", "downloads", "likes", "metric"]
StatusFilter = Literal["active", "yanked", "revoked", "any"]
MAX_TEXT = 256  # characters of one filter
MAX_LABELS = 50


@dataclass(frozen=True)
class AdapterFacts:
    """What the newest version of a repository says of itself, as far as it is found by it.

    Attributes:
        fingerprint: of the base; None where nobody compared it.
        size: bytes of all its files.
        metrics: figures after training, on the test data.
    """

    base: str
    fingerprint: str | None
    task: str
    method: str
    rank: int | None
    licence: str
    labels: Sequence[str]
    languages: Sequence[str]
    size: int
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> AdapterFacts:
        """Those of a manifest; texts that are longer than the index keeps are cut."""
        typed = manifest.typed
        return cls(
            base=typed.base.id,
            fingerprint=typed.base.fingerprint,
            task=_cut(typed.task.name),
            method=typed.method.kind,
            rank=typed.method.rank,
            licence=_cut(typed.licence),
            labels=[_clean(label) for label in typed.head.labels],
            languages=[_clean(language) for language in typed.languages],
            size=sum(entry.size for entry in typed.files),
            metrics={_cut(name): part.value for name, part in typed.metrics.after.items()},
        )


@dataclass(frozen=True)
class AdapterQuery:
    """Which adapters are wanted; all that is not None must hold. What holds is asked of each one's newest version.

    Attributes:
        search: part of the repository's id.
        author: the namespace.
        base: Hub id of the base.
        fingerprint: of the base: adapters that are proven to fit exactly these weights.
        unverified: with `fingerprint`, also those whose base nobody compared; name the `base` too.
        labels: all of them must be among the adapter's.
        metric: the name of a figure that must be stated; `min_value` is the least it may be.
        status: of the newest version, which is yanked or revoked only where no other can be chosen.
        sort: always the largest, or latest, first. ``metric`` sorts by the figure named `metric`.

    Raises:
        InvalidReference: a filter cannot be meant as it is.
    """

    search: str | None = None
    author: str | None = None
    base: str | None = None
    fingerprint: str | None = None
    unverified: bool = False
    task: str | None = None
    method: str | None = None
    min_rank: int | None = None
    max_rank: int | None = None
    labels: Sequence[str] = ()
    language: str | None = None
    licence: str | None = None
    metric: str | None = None
    min_value: float | None = None
    status: StatusFilter = "active"
    sort: Sort = "lastModified"

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            for text in value if isinstance(value, tuple | list) else [value]:
                if isinstance(text, str):
                    check_text(one.name, text)
        if len(self.labels) > MAX_LABELS:
            raise InvalidReference(f"{len(self.labels)} labels are asked for", f"Name {MAX_LABELS} at most.")
        if self.metric is None and (self.sort == "metric" or self.min_value is not None):
            raise InvalidReference("no metric is named to compare", "Name it, for example f1.")
        if self.min_value is not None and not abs(self.min_value) < float("inf"):
            raise InvalidReference(f"{self.min_value} is no least value of a metric", "Name a finite number.")
        if self.sort not in get_args(Sort) or self.status not in get_args(StatusFilter):
            raise InvalidReference(
                f"the order {self.sort!r} or the status {self.status!r} is not known",
                f"Sort by {', '.join(get_args(Sort))}; status: {', '.join(get_args(StatusFilter))}.",
            )


@dataclass(frozen=True)
class AdapterFound:
    """One adapter that a search found; `version`, `digest` and `status` are those of its newest version."""

    repository: str
    version: str
    digest: str
    status: str
    facts: AdapterFacts
    downloads: int
    likes: int
    created: datetime
    updated: datetime
    private: bool


def check_text(name: str, text: str) -> str:
    """Return `text` if it can be a filter.

    Raises:
        InvalidReference: it is too long, or holds what no text in the index holds.
    """
    if len(text) > MAX_TEXT or not text.isprintable():
        raise InvalidReference(
            f"{name} cannot be {text[:60]!r}", f"Use {MAX_TEXT} printable characters at most in a filter."
        )
    return text


def _clean(text: str) -> str:
    """Without the one character that PostgreSQL does not keep."""
    return text.replace("\0", "\ufffd")


def _cut(text: str) -> str:
    return _clean(text)[:96]
