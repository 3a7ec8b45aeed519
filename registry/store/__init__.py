"""Bytes: blobs by their sha256 and staged ones, in a folder or a bucket; verified snapshots; the scratch folder."""

from __future__ import annotations

from registry.store.blobs import BlobStore
from registry.store.disk import FolderObjects
from registry.store.objects import Objects, Stored
from registry.store.scratch import Scratch
from registry.store.snapshots import CACHE_BYTES, Snapshots
from registry.store.staging import Staging
from registry.store.store import Store, open_store

__all__ = [
    "CACHE_BYTES",
    "BlobStore",
    "FolderObjects",
    "Objects",
    "Scratch",
    "Snapshots",
    "Staging",
    "Store",
    "Stored",
    "open_store",
]
