"""Bytes on disk: blobs by their sha256, verified snapshots, and the scratch folder that both are built in."""

from __future__ import annotations

from registry.store.blobs import Store
from registry.store.scratch import Scratch
from registry.store.snapshots import CACHE_BYTES, Snapshots

__all__ = ["CACHE_BYTES", "Scratch", "Snapshots", "Store"]
