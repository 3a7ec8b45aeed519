"""Hostile texts in every place that takes one: never the server's failure, and never a header of the attacker's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from httpx2 import Response

from tests.attacks.requests import body_of, filled, kinds, parameters
from tests.attacks.world import Route, World
from tests.support.hub import DATABASES

pytestmark = [
    pytest.mark.slow,  # each asks every route many times over
    pytest.mark.parametrize("world", DATABASES, indirect=True),
]

TEXTS = {
    "empty": "",
    "zero": "a\0b",
    "lines": "x\r\nX-Injected: yes\r\n\r\n<script>",
    "quotes": "'; DROP TABLE accounts; --\"",
    "wildcards": "%_\\%",
    "long": "x" * 20_000,
    "above": "../../../../etc/passwd",
    "absolute": "/etc/passwd",
    "backslashes": "..\\..\\windows",
    "encoded": "%2e%2e%2f%00",
    "git": ".git/config",
    "script": "\u0661\u202e\u2028\ufeff\U0001f4a9é",
    "fullwidth": "．．／．．／etc",
    "huge": "1" + "0" * 30,
    "digits": "9" * 5000,
    "negative": "-9223372036854775809",
    "float": "1e400",
    "nan": "NaN",
    "control": "\x1b[2J\x7f\x85\x9b",
    "surrogate": "\ud800",
    "template": "{{7*7}}${7*7}%s%n",
    "reference": "refs/pr/99999999999999999999",
    "quoted": '"><svg onload=alert(1)>',
}


def unharmful(answer: Response, about: object) -> None:
    """Neither a failure of the server's, nor a header that holds what a header cannot."""
    assert answer.status_code < 500, (about, answer.status_code, answer.text[:500])
    assert "x-injected" not in answer.headers
    for name, value in answer.headers.raw:
        assert all(32 <= byte < 127 for byte in value), (about, name, value)


def variants(value: Any, text: str) -> Iterator[Any]:
    """The JSON with each text or number in it replaced, one after the other, and with a key that nobody knows."""
    if isinstance(value, dict):
        yield value | {text: text}
        for key, inner in value.items():
            yield from (value | {key: one} for one in variants(inner, text))
    elif isinstance(value, list):
        yield [text, *value]
        for place, inner in enumerate(value):
            yield from ([*value[:place], one, *value[place + 1 :]] for one in variants(inner, text))
    else:
        yield text
        yield 10**30
        yield -1


def routes(world: World) -> Sequence[Route]:
    return [route for route in world.routes() if route.path not in ("/metrics", "/ready", "/health")]


@pytest.mark.parametrize(
    "text", [text for name, text in TEXTS.items() if name != "surrogate"], ids=lambda text: text[:12]
)
def test_in_paths_and_queries(world: World, text: str) -> None:
    for route in routes(world):
        kind = kinds(route)[0]
        for parameter in parameters(route):
            if parameter == "kind" or (parameter == "number" and not text.isdigit()):
                continue
            path = filled(route, kind, "public", {parameter: text})
            body = {"json": body_of(route)} if route.method != "GET" else {}
            unharmful(world.send("ann", route.method, path, **body), (route, parameter))
        for parameter in route.query:
            path = f"{filled(route, kind, 'public')}?{urlencode({parameter: text})}"
            unharmful(world.send("root", route.method, path), (route, parameter))


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_in_bodies(world: World, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    asked = 0
    for route in routes(world):
        if route.method not in ("POST", "PUT", "DELETE") or "/commit/" in route.path or "/paths-info/" in route.path:
            continue
        harmless = {
            "/api/repos/delete": {"name": "acme/absent"},
            "/api/repos/move": {"fromRepo": "a/b", "toRepo": "c/d"},
        }
        for body in variants(harmless.get(route.path, body_of(route)), text):
            path, content = filled(route, kinds(route)[0], "public"), json.dumps(body).encode()
            unharmful(world.send("ann", route.method, path, content=content, headers=headers), (route, body))
            asked += 1
    assert asked > 100


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_in_commits_and_forms(world: World, text: str) -> None:
    values: dict[str, Any] = {
        "header": {"summary": "s", "description": "d", "parentCommit": "0" * 40},
        "file": {"path": "a.txt", "content": "YQ==", "encoding": "base64"},
        "lfsFile": {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 1},
        "deletedFile": {"path": "a.txt"},
        "deletedFolder": {"path": "sub"},
    }
    header = json.dumps({"key": "header", "value": {"summary": "s"}})
    for key, value in values.items():
        for variant in variants({"key": key, "value": value}, text):
            for create_pr in ("", "?create_pr=1"):
                content = f"{header}\n{json.dumps(variant)}".encode()
                answer = world.send("ann", "POST", f"/api/models/acme/public/commit/main{create_pr}", content=content)
                unharmful(answer, variant)
    form = {"paths": [text.replace("\ud800", "x")], "expand": "true"}
    unharmful(world.send("ann", "POST", "/api/models/acme/public/paths-info/main", data=form), form)


@pytest.mark.parametrize(
    "name", ["authorization", "range", "if-range", "if-none-match", "x-request-id", "accept", "host"]
)
def test_in_headers(world: World, name: str) -> None:
    for text in (
        "",
        "\xff\xfe",
        "bytes=" + "9" * 5000 + "-",
        "Bearer",
        "Bearer " + "x" * 9000,
        "[",
        "a/b?c#d",
        "a b",
        "h:99999",
    ):
        answer = world.send("", "GET", "/acme/public/resolve/main/secret.txt", headers={name: text.encode("latin-1")})
        unharmful(answer, (name, text))
        unharmful(world.send("", "GET", "/acme/public", headers={name: text.encode("latin-1")}), (name, text))
        assert answer.headers["x-request-id"].isascii()


@pytest.mark.parametrize(
    "cursor", ["x", "e30", "WyJsYXN0TW9kaWZpZWQiLCIyMDI2IiwxXQ", "WyJsaWtlcyIsMWU5OSwxXQ", "W" * 5000, "====", "\0"]
)
def test_a_forged_cursor_is_refused(world: World, cursor: str) -> None:
    for path in ("/api/models?sort=likes", "/api/models?sort=lastModified", "/api/adapters?sort=likes"):
        answer = world.send("", "GET", f"{path}&cursor={quote(cursor)}")
        assert answer.status_code == 400, (path, answer.text)


def test_deep_json_is_refused(world: World) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    headers = {"Content-Type": "application/json"}
    for body in (deep, '{"name":' + deep + "}", '{"a":' * 100_000 + "1" + "}" * 100_000):
        answer = world.send("ann", "POST", "/api/repos/create", content=body, headers=headers)
        assert answer.status_code in (400, 422)
        header = '{"key":"header","value":{"summary":"s"}}\n'
        for line in (f'{{"key":"file","value":{{"path":{deep}}}}}', deep, f'{{"key":"x","value":{{"a":{deep}}}}}'):
            answer = world.send("ann", "POST", "/api/models/acme/public/commit/main", content=header + line)
            assert answer.status_code == 400, answer.text[:200]
