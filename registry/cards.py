"""Reading the cards of repositories from a store of bytes, for ``registry.index.facts``, which has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.errors import CorruptBlob
from registry.folder.metadata import read_metadata
from registry.folder.yaml_text import MAX_CHARACTERS
from registry.index.facts import CardReader
from registry.index.trees import TreeEntry
from registry.store import BlobStore

MAX_BYTES = 4 * MAX_CHARACTERS + 16  # a character is four bytes at most; the rest is the two lines around it


def card_reader(store: BlobStore) -> CardReader:
    """A reader of cards whose bytes are in `store`; a README.md that is not there has none."""

    def read(entry: TreeEntry) -> Mapping[str, Any]:
        try:
            data = b"".join(store.read(entry.sha256, 0, min(entry.size, MAX_BYTES)))
        except CorruptBlob:
            return {}
        return read_metadata(data.decode("utf-8", errors="replace"))

    return read
