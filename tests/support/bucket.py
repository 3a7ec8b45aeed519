"""An object store on this machine: moto, which speaks S3 from memory and checks no signature."""

from __future__ import annotations

import contextlib
import logging
import urllib.request
from collections.abc import Iterator

BUCKET = "bytes"


class ObjectStore:
    """A server thread on a port of its own; what it holds outlives its being stopped and started."""

    def __init__(self) -> None:
        self._port = 0
        self.start()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT")).close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer  # takes a second: only where a test wants it

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def stop(self) -> None:
        self._server.stop()


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """One that is ended at the end."""
    store = ObjectStore()
    try:
        yield store
    finally:
        store.stop()


def environment(url: str) -> dict[str, str]:
    """How a process is told of it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
    }
