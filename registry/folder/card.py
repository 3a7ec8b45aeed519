"""The front matter of README.md: the few keys of it that a manifest is derived from; the rest is for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.errors import AdmissionRefused
from registry.folder.yaml_text import load_yaml

FRONT_MATTER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Card:
    """What a model card says of the adapter."""

    base_model: str | None = None
    pipeline_tag: str | None = None
    license: str | None = None
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def read_card(file: Path) -> Card:
    """Read the front matter of `file`; a card without any says nothing.

    Raises:
        AdmissionRefused: it is not YAML, or one of the keys holds something else than text.
    """
    document = front_matter(file.read_text(encoding="utf-8", errors="replace")) or {}
    return Card(
        base_model=_one_text(document, "base_model"),
        pipeline_tag=_one_text(document, "pipeline_tag"),
        license=_one_text(document, "license"),
        labels=_texts(document, "labels"),
        languages=_texts(document, "language"),
    )


def front_matter(text: str) -> Mapping[str, Any] | None:
    """All that the front matter of a card's text says; None where there is none.

    Raises:
        AdmissionRefused: it is no mapping in YAML.
    """
    found = FRONT_MATTER.match(text)
    return _parse(found["yaml"]) if found else None


def _parse(text: str) -> Mapping[str, Any]:
    try:
        document = load_yaml(text)
    except ValueError as error:
        raise _refused(str(error), "Correct the lines between the two ---.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _refused("is not a mapping", "Write lines of the form key: value between the two ---.")
    return document


def _one_text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, str):
        return value or None
    raise _refused(f"holds {key}: {_shown(value)}", f"Give {key} one text" + _quotes(value))


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    for one in values:
        if not isinstance(one, str):
            raise _refused(f"holds {key}: {_shown(one)}", f"Give {key} a list of texts" + _quotes(one))
    return tuple(values)


def _shown(value: object) -> str:
    return type(value).__name__ if isinstance(value, dict | list) else f"{value} ({type(value).__name__})"


def _quotes(value: object) -> str:
    if isinstance(value, dict | list):
        return "."
    return "; YAML reads yes, no, on, off, numbers and dates as such unless quoted."


def _refused(what: str, hint: str) -> AdmissionRefused:
    return AdmissionRefused(f"README.md: the front matter {what}", hint)
