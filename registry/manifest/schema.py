"""The form of manifest.json, schema version 1. Unknown keys are allowed anywhere, kept, and never interpreted.

``registry/manifest.schema.json`` is generated from these classes: ``python -m registry.manifest.schema``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Natural = Annotated[int, Meta(ge=0)]

MethodKind = Literal["lora", "prefix-tuning", "prompt-tuning", "ia3", "head"]
HeadKind = Literal[
    "none",
    "sequence-classification",
    "token-classification",
    "question-answering",
    "multiple-choice",
    "causal-lm",
    "seq2seq-lm",
]

SCHEMA_FILE = Path(__file__).parents[1] / "manifest.schema.json"


class TaskPart(Struct, frozen=True):
    """`name` is the Hub's pipeline tag where one exists; `options` hold all that encode and decode need."""

    name: Text
    options: dict[str, Any] = {}


class MethodPart(Struct, frozen=True):
    """How the base was adapted; kind head says: not at all, what was trained stands on it.

    `rank` and `alpha` are the ones of modules that no pattern names.
    """

    kind: MethodKind
    rank: Annotated[int, Meta(ge=1)] | None = None
    alpha: float | None = None
    targets: list[str] | str | None = None
    options: dict[str, Any] = {}


class BasePart(Struct, frozen=True):
    """The frozen model. A null fingerprint means that nobody compared the base: `unverified-base`."""

    id: Text
    revision: str | None = None
    fingerprint: Digest | None = None
    tokenizer_fingerprint: Digest | None = None
    architecture: str | None = None
    source: str | None = None


class HeadPart(Struct, frozen=True):
    """What stands on the base. `labels` are in the order of its outputs; `pooling` says which tokens' are averaged."""

    kind: HeadKind
    labels: list[str] = []
    problem_type: str | None = None
    pooling: str | None = None


class PromptPart(Struct, frozen=True):
    """How a generating adapter is prompted."""

    template: str | None = None
    sampling: dict[str, Any] | None = None


class MetricPart(Struct, frozen=True):
    """One figure: its 95% interval, the rows it was taken on and their split."""

    value: float
    low: float | None = None
    high: float | None = None
    n: Natural | None = None
    split: str | None = None


class MetricsPart(Struct, frozen=True):
    """Figures of the base before training, and of the adapter."""

    before: dict[str, MetricPart] = {}
    after: dict[str, MetricPart] = {}


class DataPart(Struct, frozen=True):
    """One split that was trained or measured on."""

    name: Text
    split: str
    rows: Natural
    fingerprint: str | None = None
    licence: str | None = None


class ParentPart(Struct, frozen=True):
    """A version that this one was made from."""

    digest: Digest
    relation: Literal["retrained", "merged", "federated"]


class FileEntry(Struct, frozen=True):
    """One file of the version."""

    path: Text
    size: Natural
    sha256: Sha256


class Document(Struct, frozen=True):
    """The whole of manifest.json."""

    schema_version: Literal[1]
    task: TaskPart
    method: MethodPart
    base: BasePart
    head: HeadPart
    licence: Text
    files: list[FileEntry]
    prompt: PromptPart | None = None
    metrics: MetricsPart = MetricsPart()
    data: list[DataPart] = []
    parents: list[ParentPart] = []
    languages: list[str] = []
    library: dict[str, str] = {}
    recipe: str | None = None
    trainable_parameters: Natural | None = None


def json_schema() -> bytes:
    """The JSON Schema of manifest.json, as it is published in `SCHEMA_FILE`."""
    schema = msgspec.json.schema(Document, ref_template="#/$defs/{name}")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Adapter manifest, schema version 1"}
    return msgspec.json.format(msgspec.json.encode({**head, **schema}), indent=2) + b"\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_bytes(json_schema())
