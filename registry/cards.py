"""Reading the cards of repositories from a store of bytes, for ``registry.index.facts``, which has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.folder.card import MAX_FRONT_MATTER
from registry.folder.metadata import read_metadata
from registry.index.facts import CardReader
from registry.index.trees import TreeEntry
from registry.store import Store

MAX_BYTES = 4 * MAX_FRONT_MATTER + 16  # a character is four bytes at most; the rest is the two lines around it


def card_reader(store: Store) -> CardReader:
    """A reader of cards whose bytes are in `store`; a README.md that is not there has none."""

    def read(entry: TreeEntry) -> Mapping[str, Any]:
        try:
            with store.path(entry.sha256).open("rb") as stream:
                return read_metadata(stream.read(MAX_BYTES).decode("utf-8", errors="replace"))
        except FileNotFoundError:
            return {}

    return read
