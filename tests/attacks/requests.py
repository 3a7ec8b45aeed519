"""What a client would send to each route: the values of its path's parameters, and its body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from httpx2 import Response

from tests.attacks.world import Route, World

VALUES = {
    "revision": "main",
    "branch": "dev",
    "tag": "v1",
    "path": "secret.txt",
    "tree": "main",
    "rest": "main",
    "folder": "sub",
    "number": "1",
    "event": "0" * 24,
    "alias": "production",
    "version": "1.0.0",
    "status": "pending",
    "user": "ann",
    "organisation": "acme",
    "key_id": "0" * 64,
    "ticket": "forged",
    "instance": "forged",
    "xorb": "0" * 64,
}
OID = "0" * 64
COMMIT = (
    json.dumps({"key": "header", "value": {"summary": "s"}}) + '\n{"key":"deletedFile","value":{"path":"README.md"}}'
)
BODIES: dict[str, Any] = {  # by the end of the path; what a client would send
    "/settings": {"visibility": "public"},
    "/branch/{branch:segment}": {},
    "/tag/{revision:segment}": {"tag": "v2"},
    "/super-squash/{branch:segment}": {"message": "m"},
    "/preupload/{revision:segment}": {"files": [{"path": "a.txt", "size": 1, "sample": ""}]},
    "objects/batch": {"operation": "upload", "objects": [{"oid": OID, "size": 1}]},
    "lfs/verify": {"oid": OID, "size": 1},
    "/lfs-files/batch": {"deletions": {"sha": [OID]}},
    "/duplicate": {"repository": "eve/copy"},
    "/discussions": {"title": "t", "pullRequest": True},
    "/comment": {"comment": "c"},
    "/edit": {"content": "c"},
    "/title": {"title": "t"},
    "/status": {"status": "closed"},
    "/merge": {},
    "/handle": {"user": "eve", "status": "accepted"},
    "/grant": {"user": "eve"},
    "/alias/{alias:segment}": {"version": "1.0.0", "expect": None},
    "/yank": {"reason": "r"},
    "/revoke": {"reason": "r"},
    "/takedown": {"reason": "r"},
    "/repos/create": {"name": "acme/new"},
    "/repos/delete": {"name": "acme/public"},
    "/repos/move": {"fromRepo": "acme/public", "toRepo": "eve/public"},
    "/webhooks": {"url": "http://192.0.2.1/"},
    "/signing": {"required": True},
    "/signing/keys": {"name": "k", "public_pem": "x"},
    "/validate-yaml": {"content": "x"},
    "/_lfs/{ticket:segment}": {"oid": OID, "parts": []},
}


def parameters(route: Route) -> list[str]:
    """The names of the parameters in a route's path."""
    return re.findall(r"\{(\w+)(?::\w+)?\}", route.path)


def filled(route: Route, kind: str, name: str, values: Mapping[str, str] | None = None) -> str:
    """The path of a route for a repository of acme; `values` are put in percent-encoded."""
    known = VALUES | {"kind": f"{kind}s", "namespace": "acme", "name": name}
    given = {key: quote(value, safe="") for key, value in (values or {}).items()}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: (known | given)[found[1]], route.path)


def body_of(route: Route) -> Any:
    """The JSON that a route is sent."""
    ending = max((one for one in BODIES if route.path.endswith(one)), key=len, default="")
    return BODIES.get(ending, {})


def ask(world: World, who: str, route: Route, kind: str, name: str, query: str = "") -> Response:
    """A request as a client makes it."""
    arguments: dict[str, Any] = {}
    if route.method in ("POST", "PUT", "DELETE"):
        if "/commit/" in route.path:
            arguments["content"] = COMMIT
        elif "/paths-info/" in route.path:
            arguments["data"] = {"paths": ["secret.txt"]}
        else:
            arguments["json"] = body_of(route)
    return world.send(who, route.method, filled(route, kind, name) + query, **arguments)


def kinds(route: Route) -> list[str]:
    """The kinds of repository that a route is for."""
    if "{kind:kind}" in route.path:
        return ["model", "dataset"]
    return ["dataset"] if "{kind:datasets}" in route.path else ["model"]
