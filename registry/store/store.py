"""From where a server keeps its bytes to the objects that speak to it: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from registry.errors import RegistryUnavailable, UnsupportedRegistry
from registry.store.blobs import BlobStore
from registry.store.disk import FolderObjects
from registry.store.objects import Objects
from registry.store.scratch import Scratch
from registry.store.staging import Staging

BUCKETS = ("s3", "gs", "az")


class Store(NamedTuple):
    """One place's bytes, and the scratch folder to write into what is to become some of them."""

    blobs: BlobStore
    staging: Staging
    scratch: Scratch
    """Files made in it are put with ``move`` by a rename where that is possible. To be cleaned now and then."""


def open_store(location: str, scratch: Path) -> Store:
    """Open the bytes at `location`; a folder is made if there is none.

    Args:
        location: a folder, or ``s3://bucket/prefix``, ``gs://…``, ``az://…``.
        scratch: a folder for unfinished things. Only buckets use it; a folder has its own in it, ``tmp/``, as renaming
            works within one file system only.

    Raises:
        UnsupportedRegistry: an address of another kind, or obstore is not installed, which buckets need.
        RegistryUnavailable: it cannot be used now.
    """
    scheme, separator, _ = location.partition("://")
    if not separator:
        objects: Objects = _folder(Path(location))
    elif scheme in BUCKETS:
        objects = _bucket(location, Scratch(scratch.expanduser().absolute()))
    else:
        raise UnsupportedRegistry(
            f"bytes cannot be kept at {location}", "Name a folder, s3://bucket/prefix, gs://bucket/prefix or az://…"
        )
    return Store(BlobStore(objects), Staging(objects), objects.scratch)


def _folder(location: Path) -> FolderObjects:
    root = location.expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnavailable(f"{root} cannot hold blobs: {error}", "Name a folder to write to.") from error
    return FolderObjects(root, Scratch(root / "tmp"))


def _bucket(location: str, scratch: Scratch) -> Objects:
    try:
        from registry.store.bucket import BucketObjects
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "obstore":
            raise
        raise UnsupportedRegistry(
            f"{location} is a bucket, which needs the package obstore", "pip install 'adapterhub[server]'"
        ) from error
    return BucketObjects.at(location, scratch)
