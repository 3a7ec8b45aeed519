"""Paths that lead out of a repository, in everything that takes one; and bytes that are somebody else's."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from registry.errors import InvalidReference
from tests.attacks.world import World, lfs, put

OUTSIDE = [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "//server/share",
    "..",
    ".",
    "a/./b",
    "a//b",
    "a/",
    "..\\x",
    "C:\\x",
    ".git/config",
    ".GIT/hooks/post-commit",
    "a/.git/config",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\x7fb",
    "a\u2028b",
    "a\u202eb",
    "a\ufeffb",
    " a",
    "a ",
    "a/ b",
    "a" * 513,
    "/".join("a" * 70),
    "",
]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: repr(path[:20]))
def test_no_file_gets_such_a_path(world: World, path: str) -> None:
    good = put("good.txt", b"never stored: " + path.encode())
    with world.unharmed():
        for line in (put(path, b"x"), lfs(path, b"x")):
            for query in ("", "?create_pr=1"):
                answer = world.commit("ann", "acme/public", good, line, query=query)
                assert answer.status_code == 422, answer.text
        files = {"files": [{"path": path, "size": 1, "sample": ""}]}
        assert world.send("ann", "POST", "/api/models/acme/public/preupload/main", json=files).status_code == 422
        for key in ("deletedFile", "deletedFolder"):
            line = {"key": key, "value": {"path": path}}
            assert world.commit("ann", "acme/public", good, line).status_code in (404, 422)


@pytest.mark.parametrize(
    "path", ["..%2f..%2findex.sqlite", "%2e%2e/%2e%2e/index.sqlite", "%2fetc%2fpasswd", "..%5cx", "%00"]
)
def test_no_such_path_is_read(world: World, path: str) -> None:
    with world.unharmed():
        for where in (
            "/acme/public/resolve/main/",
            "/api/models/acme/public/tree/main/",
            "/api/models/acme/public/tree/",
        ):
            answer = world.send("ann", "GET", f"{where}{path}")
            assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "a..b",
        "a b",
        "a~b",
        "-x",
        "refs/heads/x",
        "HEAD",
        "@",
        "a.lock",
        "a/.b",
        "0" * 40,
        "x" * 300,
        "a\nb",
        "a\0b",
        "é\u202e",
        "a\\b",
    ],
)
def test_no_ref_gets_such_a_name(world: World, name: str) -> None:
    with world.unharmed():
        tag = world.send("ann", "POST", "/api/models/acme/public/tag/main", json={"tag": name})
        assert tag.status_code == 400, tag.text
        if name not in ("", ".."):  # no client can send these in a path
            quoted = quote(name, safe="")
            branch = world.send("ann", "POST", f"/api/models/acme/public/branch/{quoted}", json={})
            alias = {"version": "1.0.0", "expect": None}
            moved = world.send("ann", "PUT", f"/api/models/acme/public/alias/{quoted}", json=alias)
            assert branch.status_code == 400, branch.text
            assert moved.status_code in (400, 404), moved.text  # a.lock could be an alias; there is no version for it


@pytest.mark.parametrize(
    "name",
    [
        "api",
        "API",
        "datasets",
        "docs",
        "_lfs",
        "_cas",
        "health",
        "resolve",
        "anonymous",
        "..",
        "a/b",
        "",
        "a\0",
        "models",
        "favicon.ico",
    ],
)
def test_no_account_shadows_an_address(world: World, name: str) -> None:
    with world.unharmed(), pytest.raises(InvalidReference):
        world.hub.accounts.create(name, "user", "root")


def test_a_refused_commit_leaves_no_bytes(world: World) -> None:
    fresh = put("fresh.txt", b"bytes that no other test sends")
    head = {"header": {"parentCommit": "0" * 40}}
    with world.unharmed():
        for answer, status in (
            (world.commit("ann", "acme/public", fresh, **head), 412),
            (world.commit("ann", "acme/public", fresh, revision="absent"), 404),
            (world.commit("ann", "acme/public", fresh, revision="v1"), 404),
            (world.commit("ann", "acme/public", fresh, revision="refs%2Fpr%2F99"), 404),
            (world.commit("ann", "acme/public", fresh, {"key": "deletedFile", "value": {"path": "absent"}}), 404),
            (world.commit("ann", "acme/public", fresh, {"key": "nonsense", "value": {}}), 400),
            (world.commit("ann", "acme/public", fresh, lfs("a.bin", b"never sent")), 400),
            (world.commit("ann", "acme/public", fresh, put("secret.txt/inside", b"x")), 422),
            (world.commit("eve", "acme/public", fresh), 403),
            (world.commit("", "acme/public", fresh), 401),
            (world.commit("eve", "acme/public", fresh, revision="refs%2Fpr%2F1"), 403),
            (world.commit("ann", "acme/public", fresh, query="?create_pr=1", revision="absent"), 404),
        ):
            assert answer.status_code == status, answer.text


def test_nobody_commits_bytes_that_are_somebody_elses(world: World) -> None:
    """Knowing the sha256 of a private file gives neither the file, nor that it is there."""
    data = b"a large private file"
    target = world.ticket("ann", "acme/private", data)["actions"]["upload"]["href"]
    assert world.client.put(target, content=data).status_code == 200
    assert world.commit("ann", "acme/private", lfs("own.bin", data)).status_code == 200
    with world.unharmed():
        answers = [
            world.commit("eve", "acme/public", lfs("a.bin", one), query="?create_pr=1") for one in (data, b"not there")
        ]
        assert [answer.status_code for answer in answers] == [400, 400]
        told = [
            answer.json()["error"].replace(answer.json()["error"].split("sha256 ")[1][:64], "") for answer in answers
        ]
        assert told[0] == told[1]
        batches = [world.ticket("eve", "acme/public", one) for one in (data, b"not there")]
        assert [sorted(one["actions"]) for one in batches] == [["upload", "verify"]] * 2
        for one in (data, b"not there"):
            wanted = {"oid": hashlib.sha256(one).hexdigest(), "size": len(one)}
            answer = world.send("eve", "POST", "/acme/public.git/info/lfs/verify", json=wanted)
            assert answer.status_code == 400
