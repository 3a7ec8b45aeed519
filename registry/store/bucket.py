"""Objects in a bucket of S3, of anything that speaks S3, of Google's or Azure's storage, over obstore.

Region, endpoint and credentials come from the environment, as obstore reads it: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID
and so on, or the machine's own role. A writer that is killed in a large object leaves parts of it that nobody sees but
the bill: give the bucket a lifecycle rule that aborts incomplete multipart uploads. Needs obstore, so nothing but
``open_store`` imports this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from registry.errors import RegistryUnavailable
from registry.store.objects import CHUNK, Stored
from registry.store.scratch import Scratch

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

PART = 8 << 20  # bytes of a large object that one request carries
PARTS = 9_000  # at most; S3 allows 10,000
CONCURRENCY = 4  # parts of one object on their way, each in memory
CLIENT: ClientConfig = {
    "allow_http": True,  # nothing is at http:// unless the operator names such an endpoint, say a MinIO next door
    "timeout": "1d",  # of a whole answer, which is as slow as whoever downloads it; what stands still has the next one
    "read_timeout": "60s",
}
RETRY: RetryConfig = {  # for some seconds; whoever waits for an answer tries again after those
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2), "base": 2},
}


class BucketObjects:
    """Objects of one bucket, or below one prefix of it."""

    def __init__(self, place: str, store: ObjectStore, scratch: Scratch) -> None:
        """Use `store` as it is; `place` is what to call it."""
        self._place = place
        self._store = store
        self._scratch = scratch

    @classmethod
    def at(cls, url: str, scratch: Scratch) -> BucketObjects:
        """The objects at an address such as ``s3://bucket/prefix``. Asks it once, so that a mistake is found at once.

        Raises:
            RegistryUnavailable: it cannot be reached, or not be listed with these credentials.
        """
        with _faults(url):
            objects = cls(url, from_url(url, client_options=CLIENT, retry_config=RETRY), scratch)
            next(iter(obstore.list(objects._store, chunk_size=1)), None)
        return objects

    def __str__(self) -> str:
        return self._place

    @property
    def scratch(self) -> Scratch:
        """See `Objects`."""
        return self._scratch

    def put(self, key: str, file: Path) -> None:
        """See `Objects`. The file stays."""
        size = file.stat().st_size
        try:
            with _faults(self):
                obstore.put(self._store, key, file, chunk_size=part_size(size), max_concurrency=CONCURRENCY)
        except FileNotFoundError as error:
            if not file.exists():
                raise
            raise RegistryUnavailable(f"there is no bucket at {self}", "Make it, or name another one.") from error

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """See `Objects`. One request; what was read is not kept."""
        try:
            with _faults(self):
                result = obstore.get(self._store, key, options={"range": (start, stop)})
        except RegistryUnavailable:
            found = self.stat(key)  # a range that begins behind the end is an error of no kind of its own
            if found is not None and found.size >= stop:
                raise
            raise FileNotFoundError(f"{key} of {self} ends before byte {stop}") from None
        if result.range != (start, stop):
            raise FileNotFoundError(f"{key} of {self} ends before byte {stop}")
        return self._pieces(result)

    def stat(self, key: str) -> Stored | None:
        """See `Objects`."""
        with _faults(self):
            try:
                return _stored(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def path(self, key: str) -> Path | None:
        """See `Objects`."""
        return None

    def delete(self, keys: Iterable[str]) -> None:
        """See `Objects`."""
        gone = [*keys]
        with _faults(self):
            try:
                obstore.delete(self._store, gone)
            except FileNotFoundError:  # S3 does not mind, others give up the rest
                for key in gone:
                    with contextlib.suppress(FileNotFoundError):
                        obstore.delete(self._store, key)

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Objects`. A page at a time."""
        single = self.stat(prefix)
        if single is not None:
            yield single
        with _faults(self):
            for page in obstore.list(self._store, prefix=prefix):
                yield from map(_stored, page)

    def _pieces(self, result: obstore.GetResult) -> Iterator[bytes]:
        try:
            with _faults(self):
                yield from result.stream(min_chunk_size=CHUNK)
        except FileNotFoundError as error:  # the connection broke, and the object had gone when obstore asked again
            raise RegistryUnavailable(f"an object of {self} went away while it was read", "Try again.") from error


def part_size(size: int) -> int:
    """Bytes of each part of an object of `size` bytes, so that they are not more than S3 allows."""
    return max(PART, size // PARTS + 1)


def _stored(found: ObjectMeta) -> Stored:
    return Stored(found["path"], found["size"], found["last_modified"])


@contextlib.contextmanager
def _faults(place: object) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        why = str(error).partition("\n")[0].partition(": <")[0]  # behind it are a page of Rust's, and the answer's XML
        raise RegistryUnavailable(
            f"{place} cannot be read or written: {why}",
            "Check the bucket's name, AWS_ENDPOINT_URL, the region and the credentials, and whether it can be reached.",
        ) from error
