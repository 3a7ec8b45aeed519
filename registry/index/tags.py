"""The tags of a repository, as the Hub makes them of a card, and those that the newest version of an adapter gives it.

Pure functions. Tags are shown as they were written and compared in lower case. Those that begin with a word of
`PROVEN` say what a version's manifest says, so a card cannot give them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from registry.finding import AdapterFacts

DATASET = "dataset"
MAX_TAG = 256  # characters, as the column has; longer ones are left out
PROVEN = ("task:", "label:", "rank:", "metric:", "base_fingerprint:", "language:")
# Keys of a data set's card whose values the Hub turns into tags with the key before them.
DATASET_KEYS = (
    "task_categories",
    "task_ids",
    "annotations_creators",
    "language_creators",
    "language",
    "license",
    "multilinguality",
    "size_categories",
    "source_datasets",
)


def of_card(kind: str, card: Mapping[str, Any]) -> Iterator[str]:
    """What the front matter of README.md gives, perhaps some of it twice."""
    for tag in texts(card.get("tags")):
        if not tag.lower().startswith(PROVEN):
            yield tag
    if kind == DATASET:
        for key in DATASET_KEYS:
            yield from (f"{key}:{value}" for value in texts(card.get(key)))
        return
    yield from texts(card.get("library_name"))
    yield from texts(card.get("pipeline_tag"))
    yield from texts(card.get("language"))
    yield from (f"license:{value}" for value in texts(card.get("license")))
    yield from (f"dataset:{value}" for value in texts(card.get("datasets")))
    peft = "peft" in texts(card.get("library_name"))
    relation = next(texts(card.get("base_model_relation")), "adapter" if peft else "")
    for base in texts(card.get("base_model")):
        yield f"base_model:{base}"
        if relation:
            yield f"base_model:{relation}:{base}"


def of_version(facts: AdapterFacts) -> Iterator[str]:
    """What a version gives."""
    yield "peft"
    yield facts.method
    if facts.rank is not None:
        yield f"rank:{facts.rank}"
    yield facts.task
    yield f"task:{facts.task}"
    yield f"base_model:{facts.base}"
    yield f"base_model:adapter:{facts.base}"
    if facts.fingerprint:
        yield f"base_fingerprint:{facts.fingerprint}"
    yield f"license:{facts.licence}"
    yield from facts.languages
    yield from (f"language:{language}" for language in facts.languages)
    yield from (f"label:{label}" for label in facts.labels)
    yield from (f"metric:{name}" for name in facts.metrics)


def of(kind: str, card: Mapping[str, Any], facts: AdapterFacts | None) -> list[str]:
    """All tags of a repository, as they were written, each once whatever its case."""
    given = [*of_card(kind, card), *(of_version(facts) if facts else ())]
    return list({key(tag): tag for tag in reversed(given) if fits(tag)}.values())[::-1]


def texts(value: object) -> Iterator[str]:
    """The texts of what may be one text or a list of them; whatever else it is counts for none."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and one.strip():
            yield one.strip()


def key(tag: str) -> str:
    """What a tag is compared by."""
    return tag.lower()


def parts(name: str) -> set[str]:
    """All three letters that follow each other in a name."""
    return {name[start : start + 3] for start in range(len(name) - 2)}


def fits(tag: str) -> bool:
    """Whether it can be kept."""
    return 0 < len(key(tag)) <= MAX_TAG and "\0" not in tag
