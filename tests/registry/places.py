"""A place for bytes as a server opens it, and below that the objects, where any bytes can be put under any key."""

from __future__ import annotations

from pathlib import Path

from registry.store import FolderObjects, Objects, Scratch, open_store
from registry.store.bucket import BucketObjects


class Place:
    """A folder or a bucket."""

    def __init__(self, location: str, scratch: Path) -> None:
        self.location = location
        self.in_bucket = "://" in location
        self.scratch = scratch if self.in_bucket else Path(location) / "tmp"
        self.blobs, self.staging, _ = open_store(location, scratch)
        own = Scratch(self.scratch)
        self.objects: Objects = (
            BucketObjects.at(location, own) if self.in_bucket else FolderObjects(Path(location), own)
        )

    def overwrite(self, sha256: str, data: bytes) -> None:
        """Damage a blob."""
        with self.objects.scratch.folder() as folder:
            (folder / "damaged").write_bytes(data)
            self.objects.put(f"blobs/{sha256[:2]}/{sha256}", folder / "damaged")

    def left_over(self) -> list[Path]:
        """What is unfinished."""
        return list(self.scratch.iterdir()) if self.scratch.is_dir() else []
