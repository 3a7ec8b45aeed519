"""A server's webhook messages on the side of who follows it: a small listener that wakes the follower.

A message is only a reason to ask the registry now instead of at the next poll; what it says is not believed. So a lost
one costs an interval, and a repeated one nothing. Signatures are those of Standard Webhooks 1.0.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from registry.errors import ForgedNotice

MAX_BYTES = 64 << 10
TIMEOUT = 10.0  # seconds that a sender may take
_LENGTH = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Notice:
    """A message whose signature was right. `type` is the event, as ``alias.moved``; `data` what it tells."""

    id: str
    type: str
    data: Mapping[str, Any]


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> Notice:
    """Read a message that was signed with one of `secrets` (several while one is being replaced).

    Raises:
        ForgedNotice: it was not, or more than five minutes ago, or is no message.
    """
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    for secret in secrets:
        try:
            document = Webhook(secret).verify(body, dict(headers))
            found = {name.lower(): value for name, value in headers.items()}
            return Notice(found["webhook-id"], str(document["type"]), dict(document["data"]))
        except (WebhookVerificationError, ValueError, KeyError, TypeError):
            continue
    raise ForgedNotice("the message carries no valid signature", "Use the secret that the webhook was made with.")


class NoticeListener:
    """Listens for messages and calls `wake` for each, from a thread of its own; a context manager."""

    def __init__(
        self, secrets: Sequence[str], wake: Callable[[Notice], object], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Begin to listen.

        Args:
            wake: called after the sender was answered; a follower's ``nudge``, say.
            port: 0 takes a free one; see `url`.
        """
        handler = type("Handler", (_Handler,), {"secrets": tuple(secrets), "wake": staticmethod(wake)})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="registry-notices", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens: what the webhook's `url` must lead to."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> NoticeListener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    secrets: tuple[str, ...]
    wake: Callable[[Notice], object]
    timeout = TIMEOUT

    def do_POST(self) -> None:
        """Read a message, answer whoever sent it, and wake."""
        length = self.headers.get("content-length", "")
        if not _LENGTH.fullmatch(length) or int(length) > MAX_BYTES:
            return self._answer(413, "A message has a Content-Length of at most 64 KiB")
        try:
            notice = verify(self.secrets, dict(self.headers.items()), self.rfile.read(int(length)))
        except ForgedNotice as error:
            return self._answer(401, error.message)
        self._answer(204)
        self.wake(notice)

    def _answer(self, status: int, error: str = "") -> None:
        body = json.dumps({"error": error}).encode() if error else b""
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: whoever forges messages must not fill a log."""
