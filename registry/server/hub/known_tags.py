"""The tags that there are, by type: what clients offer to choose from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.server.wire.context import Hub

router = APIRouter()
TYPES = (
    "license",
    "dataset",
    "base_model",
    "language",
    "label",
    "metric",
    "task",
    "task_categories",
    "size_categories",
)


@router.get("/api/{kind:kind}-tags-by-type")
def known_tags(hub: Hub, kind: str) -> dict[str, list[dict[str, Any]]]:
    """The most frequent tags of public repositories; those without a known word before a colon are of type other."""
    found: dict[str, list[dict[str, Any]]] = {}
    for tag in hub.search.tags(kind):
        word, colon, rest = tag.partition(":")
        typed = word if colon and word in TYPES else "other"
        label = tag if typed == "other" else rest
        found.setdefault(typed, []).append({"id": tag, "label": label, "type": typed})
    return found
