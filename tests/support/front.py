"""A Hub as clients meet it that is not what our server is: without its own endpoints, lying, cut off, or gone.

Stands before a real server, on a port of its own, and passes on what it is not told to change.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

OWN = re.compile(
    r"/api/(adapterhub|adapters|resolve|changes|audit)\b|/api/models/[^/]+/[^/]+/(versions|alias|changes)\b"
)
HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True)
class Answer:
    """What the server said to a request."""

    method: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def saying(self, body: bytes) -> Answer:
        return replace(self, body=body)


@dataclass
class Front:
    """What clients talk to instead of `server`; each attribute may be set at any time.

    Attributes:
        stock: answer 404 to this project's own endpoints.
        down: end connections without an answer.
        cut: end the next so many answers to downloads in their middle.
        change: makes another answer of one.
        seen: method and path of each request.
    """

    server: str
    stock: bool = False
    down: bool = False
    cut: int = 0
    change: Callable[[Answer], Answer] = lambda answer: answer
    seen: list[str] = field(default_factory=list)
    url: str = ""

    def asked(self, part: str) -> list[str]:
        """Requests whose method and path hold `part`."""
        return [one for one in self.seen if part in one]


@contextmanager
def front(server: str, **options: object) -> Iterator[Front]:
    """A front of the server at that address, until the end of the block."""
    made = Front(server, **options)  # type: ignore[arg-type]
    handler = type("Handler", (_Handler,), {"front": made})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads = True
    made.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    front: Front
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.front.seen.append(f"{self.command} {self.path}")
        if self.front.down:
            self.close_connection = True
            return self.connection.close()
        if self.front.stock and OWN.match(self.path):
            return self._say(Answer(self.command, self.path, 404, (("content-type", "text/plain"),), b"Not Found"))
        self._say(self.front.change(self._passed_on(body)))

    def _passed_on(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.front.server).netloc, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        response = connection.getresponse()
        headers = tuple((name, value) for name, value in response.getheaders() if name.lower() not in HOP)
        size = () if self.command != "HEAD" else (("content-length", response.headers.get("content-length", "0")),)
        said = response.read()
        connection.close()
        return Answer(self.command, self.path, response.status, headers + size, said)

    def _say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "GET" and "/resolve/" in self.path and self.front.cut:
            self.front.cut -= 1
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return self.connection.close()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests look at `Front.seen`."""
