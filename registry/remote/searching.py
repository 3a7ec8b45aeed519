"""Searches in the words of a Hub that knows tags, downloads and likes, but not what adapters are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from huggingface_hub import ModelInfo

from registry.finding import AdapterFacts, AdapterFound, AdapterQuery
from registry.manifest import Manifest
from registry.protocol import Version

SORTS = {"lastModified": "last_modified", "createdAt": "created_at", "downloads": "downloads", "likes": "likes"}


def unknown(query: AdapterQuery) -> str:
    """The first thing that a query asks for and such a Hub does not know; empty if it knows all."""
    wanted = {
        "fingerprint": query.fingerprint is not None,
        "labels": bool(query.labels),
        "rank": query.min_rank is not None or query.max_rank is not None,
        "metrics": query.metric is not None,
        "status": query.status not in ("active", "any"),
    }
    return next((name for name, asked_for in wanted.items() if asked_for), "")


def asked(query: AdapterQuery) -> dict[str, Any]:
    """The arguments of ``HfApi.list_models`` for a query."""
    tags = [
        "peft",
        *([f"base_model:adapter:{query.base}"] if query.base else []),
        *([f"license:{query.licence}"] if query.licence else []),
        *([query.method] if query.method else []),
        *([query.language] if query.language else []),
    ]
    return {
        "search": query.search,
        "author": query.author,
        "pipeline_tag": query.task,
        "filter": tags,
        "sort": "last_modified"
        if query.sort == "lastModified"
        else {"createdAt": "created_at"}.get(query.sort, query.sort),
    }


def found(model: ModelInfo, newest: Version, manifest: Manifest) -> AdapterFound:
    """What was found, with the facts of its newest version's manifest."""
    never = datetime.fromtimestamp(0, UTC)
    return AdapterFound(
        repository=model.id,
        version=newest.version,
        digest=newest.digest,
        status=newest.status,
        facts=AdapterFacts.of(manifest),
        downloads=model.downloads or 0,
        likes=model.likes or 0,
        created=model.created_at or never,
        updated=model.last_modified or never,
        private=bool(model.private),
    )
