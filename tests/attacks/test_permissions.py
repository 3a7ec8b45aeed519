"""Every route, asked by everybody for everything: what is private is not there, and what is refused changes nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.attacks.requests import ask, kinds
from tests.attacks.world import SECRET, Route, World, compared

pytestmark = pytest.mark.slow  # each asks every route many times over

STRANGERS = ["", "reader", "eve", "elsewhere"]  # who do not see acme/private
WORTHLESS = ["forged", "expired", "revoked", "disabled"]  # tokens that are none


def about_repositories(world: World) -> list[Route]:
    return [route for route in world.routes() if "{namespace:segment}/{name:segment}" in route.path]


def test_the_routes_are_seen_and_work_for_who_may(world: World) -> None:
    """Else the tests below would compare one 404 with another."""
    routes = about_repositories(world)
    assert len(routes) >= 60
    without_versions = ("/alias/", "/versions/", "/tree/{revision:segment}/{folder")
    for route in routes:
        for kind in kinds(route):
            if route.method in ("GET", "HEAD") and not any(part in route.path for part in without_versions):
                answer = ask(world, "ann", route, kind, "private")
                assert answer.status_code < 400, (route, answer.text)
    resolve = Route("GET", "/{namespace:segment}/{name:segment}/resolve/{revision:segment}/{path:rest}")
    assert ask(world, "ann", resolve, "model", "private").content.startswith(SECRET)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize(("there", "absent"), [("private", "absent"), ("PRIVATE", "ABSENT"), ("former", "absent")])
def test_a_private_repository_is_like_one_that_is_not_there(world: World, who: str, there: str, absent: str) -> None:
    with world.unharmed():
        for route in about_repositories(world):
            for kind in kinds(route):
                secret, nothing = (ask(world, who, route, kind, name) for name in (there, absent))
                assert compared(secret, there) == compared(nothing, absent), (route, kind)
                redirects = (301, 302, 307, 308)  # to the page of whatever is asked for
                assert secret.status_code >= 400 or secret.status_code in redirects, (route, kind, secret.text)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/api/repos/delete", {"name": "acme/NAME"}),
        ("POST", "/api/repos/move", {"fromRepo": "acme/NAME", "toRepo": "eve/mine"}),
        ("POST", "/api/repos/create", {"name": "acme/NAME"}),
        ("POST", "/api/namespaces/eve/webhooks", {"url": "http://192.0.2.1/", "repository": "acme/NAME"}),
        ("GET", "/api/resolve?reference=acme/NAME", None),
        ("GET", "/api/resolve?reference=acme/NAME@1.0.0", None),
        ("GET", "/api/resolve?reference=acme/NAME@sha256:" + "0" * 64, None),
        ("GET", "/api/models?search=NAME", None),
        ("GET", "/api/datasets?search=NAME&author=acme&full=true", None),
        ("GET", "/api/adapters?search=NAME", None),
        ("GET", "/api/audit?repository=acme/NAME", None),
        ("GET", "/api/audit?namespace=eve&repository=acme/NAME", None),
    ],
)
def test_nor_do_others_tell_that_it_is_there(world: World, who: str, method: str, path: str, body: Any) -> None:
    answers = []
    for name in ("private", "absent"):
        text = json.dumps(body).replace("NAME", name) if body else ""
        json_type = {"Content-Type": "application/json"}
        answer = world.send(who, method, path.replace("NAME", name), content=text.encode(), headers=json_type)
        answers.append(compared(answer, name))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("who", STRANGERS)
def test_listings_and_counts_leave_out_what_is_private(world: World, who: str) -> None:
    for path in (
        "/api/models?limit=1000&full=true",
        "/api/datasets",
        "/api/users/ann/likes",
        "/api/models-tags-by-type",
        "/api/organizations/acme/overview",
        "/api/settings/repositories",
        "/api/organizations/acme/settings/repositories",
        "/api/changes?since=0",
    ):
        answer = world.send(who, "GET", path)
        assert not re.search(r"acme/(private|former)", answer.text), (path, answer.text)
    counts = [
        world.send(one, "GET", "/api/organizations/acme/overview").json()["numModels"] for one in (who, "ann", "rita")
    ]
    assert counts == [2, 3, 3]


def test_a_token_for_one_namespace_sees_nothing_private_of_its_users_others(world: World) -> None:
    made = world.send("ann", "POST", "/api/repos/create", json={"name": "ann/diary", "private": True})
    assert made.status_code == 200
    assert "ann/diary" in world.send("ann", "GET", "/api/settings/repositories").text
    for path in ("/api/settings/repositories", "/api/models?author=ann", "/api/models/ann/diary"):
        assert "diary" not in world.send("elsewhere", "GET", path).text.replace("repository ann/diary", "")


@pytest.mark.parametrize("who", WORTHLESS)
def test_a_token_that_is_none_opens_nothing(world: World, who: str) -> None:
    """Not even what is public, so that its holder learns of it."""
    open_to_all = ("/health", "/ready", "/metrics", "/api/agent-harnesses", "/api/adapterhub", "/api/validate-yaml")
    own_tickets = ("/_lfs/", "/_cas/")
    with world.unharmed():
        for route in world.routes():
            for name in world.NAMES:
                answer = ask(world, who, route, kinds(route)[0], name)
                if route.path.startswith(own_tickets):
                    assert answer.status_code == 403, (route, answer.text)
                elif "{name:" in route.path and "{namespace:segment}" not in route.path:
                    assert answer.status_code in (307, 401, 404), (route, answer.text)  # nothing is called so
                elif route.method != "GET" and route.path not in open_to_all:
                    assert answer.status_code == 401, (route, answer.text)


@pytest.mark.parametrize("name", World.NAMES)
@pytest.mark.parametrize("who", ["", "reader", "elsewhere", "rita"])
def test_who_may_not_write_changes_nothing(world: World, who: str, name: str) -> None:
    """rita reads acme: she may take part with a token that writes, and that is all."""
    taking_part = (
        "/discussions",
        "/comment",
        "/like",
        "/ask-access",
        "/objects/batch",
        "/preupload/",
        "/xet-write-token/",
    )
    reads = ("/paths-info/", "/validate-yaml", "/duplicate")
    allowed = (*reads, "/ask-access", *(taking_part if who == "rita" else ()))
    asked = 0
    with world.unharmed():
        for route in world.routes():
            if route.method in ("GET", "HEAD") or any(part in route.path for part in allowed):
                continue
            for kind in kinds(route):
                answer = ask(world, who, route, kind, name)
                asked += 1
                assert answer.status_code in (400, 401, 403, 404), (route, kind, answer.status_code, answer.text)
    assert asked > 30


@pytest.mark.parametrize("who", STRANGERS)
def test_what_is_behind_a_gate_is_in_no_answer(world: World, who: str) -> None:
    seen = 0
    for route in about_repositories(world):
        if route.method in ("GET", "HEAD") or "/paths-info/" in route.path or "/duplicate" in route.path:
            for kind in kinds(route):
                for query in ("", "?diff=1", "?blobs=1", "?expand=true&recursive=true"):
                    answer = ask(world, who, route, kind, "gated", query)
                    assert SECRET.strip() not in answer.content, (route, kind, query)
                    seen += answer.status_code == 200
                    if "/duplicate" in route.path:
                        assert answer.status_code in (401, 403), answer.text
    assert seen > 10
    assert SECRET.strip() in world.send("ann", "GET", "/api/models/acme/gated/discussions/1?diff=1").content


def test_the_audit_log_is_for_those_who_answer_for_it(world: World) -> None:
    for who in ("", "reader", "eve", "elsewhere", "rita"):
        for query in ("", "?namespace=acme", "?repository=acme/public", "?repository=acme/public&namespace="):
            assert world.send(who, "GET", f"/api/audit{query}").status_code in (401, 403), (who, query)
    assert "acme/public" in world.send("ann", "GET", "/api/audit?namespace=acme").text
