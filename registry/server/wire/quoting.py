"""Routing on the path as it was sent, still percent-encoded.

Hub clients write a revision or a folder as one segment, ``refs%2Fpr%2F1``; decoded first, as ASGI does, it would be
three. So `RawPath` puts the raw path back, and the convertors decode what they matched.
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

REPOSITORY = "/api/{kind:kind}/{namespace:segment}/{name:segment}"
MODEL = "/api/models/{namespace:segment}/{name:segment}"  # of what data sets have nothing of
FILES = ("/{kind:datasets}/{namespace:segment}/{name:segment}", "/{namespace:segment}/{name:segment}")
KINDS = {"models": "model", "datasets": "dataset"}


def address(endpoint: str, kind: str, name: str) -> str:
    """Where people see a repository; clients read its id from it."""
    return f"{endpoint}/{'datasets/' if kind == 'dataset' else ''}{name}"


class RawPath:
    """Middleware: route on ``raw_path``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope.get("raw_path"):
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await self._app(scope, receive, send)


class _Text(Convertor[str]):
    regex: ClassVar[str] = ""

    def convert(self, value: str) -> str:
        return unquote(value, errors="replace")

    def to_string(self, value: Any) -> str:
        return quote(str(value), safe="")


class Segment(_Text):
    """One segment, whatever slashes it encodes."""

    regex = "[^/]+"


class Rest(_Text):
    """All that is left, slashes literal or encoded."""

    regex = ".+"


class Kind(Convertor[str]):
    """``models`` or ``datasets``: the kind of repository."""

    regex = "models|datasets"

    def convert(self, value: str) -> str:
        """To the name of the kind."""
        return KINDS[value]

    def to_string(self, value: str) -> str:
        """To the segment."""
        return f"{value}s"


class Datasets(Kind):
    """``datasets`` alone, as the addresses of their files begin."""

    regex = "datasets"


register_url_convertor("segment", Segment())
register_url_convertor("rest", Rest())
register_url_convertor("kind", Kind())
register_url_convertor("datasets", Datasets())
