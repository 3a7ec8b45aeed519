"""Discussions: what they say, who may say it, and their numbers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from registry.index import discussions
from tests.support.hub_app import HubApp

HERE = "/api/models/alice/m/discussions"


def opened(app: HubApp, user: str = "bob", *, pull: bool = False, title: str = "A question") -> int:
    body = {"title": title, "description": "why?", "pullRequest": pull}
    return int(app.post(user, HERE, body)["num"])


def first_comment(app: HubApp, number: int = 1) -> str:
    return str(app.get("alice", f"{HERE}/{number}")["events"][0]["id"])


def test_a_discussion_holds_what_happened_in_it(app: HubApp) -> None:
    number = opened(app)
    app.post("alice", f"{HERE}/{number}/comment", {"comment": "because <b>"})
    app.post("bob", f"{HERE}/{number}/title", {"title": "  An answer "})
    app.post("alice", f"{HERE}/{number}/status", {"status": "closed", "comment": "done"})
    found = app.get("", f"{HERE}/{number}")
    assert (found["title"], found["status"], found["isPullRequest"]) == ("An answer", "closed", False)
    assert found["repo"] == {"name": "alice/m", "type": "model"}
    assert [(one["type"], one["author"]["name"]) for one in found["events"]] == [
        ("comment", "bob"),
        ("comment", "alice"),
        ("title-change", "bob"),
        ("comment", "alice"),
        ("status-change", "alice"),
    ]
    assert found["events"][1]["data"]["latest"]["html"] == "<p>because &lt;b&gt;</p>"
    assert found["events"][2]["data"] == {"from": "A question", "to": "An answer"}
    assert found["events"][4]["data"] == {"status": "closed"}
    assert "changes" not in found


def test_a_comment_keeps_what_it_said_until_it_is_hidden(app: HubApp) -> None:
    number = opened(app)
    comment = first_comment(app, number)
    for text in ("because", "because of that"):
        app.post("bob", f"{HERE}/{number}/comment/{comment}/edit", {"content": text})
    data = app.get("", f"{HERE}/{number}")["events"][0]["data"]
    assert (data["edited"], data["latest"]["raw"]) == (True, "because of that")
    assert [one["raw"] for one in data["history"]] == ["because", "why?"]
    hidden = app.post("alice", f"{HERE}/{number}/comment/{comment}/hide")["updatedComment"]["data"]
    assert hidden["hidden"] and hidden["history"] == []
    assert "because" not in app.send("bob", "GET", f"{HERE}/{number}").text
    app.post("bob", f"{HERE}/{number}/comment/{comment}/edit", {"content": "again"}, status=409)


def test_the_list_is_filtered_and_paged(app: HubApp) -> None:
    for _ in range(51):
        opened(app, "bob")
    pull = opened(app, "carol", pull=True)
    app.post("alice", f"{HERE}/1/status", {"status": "closed"})
    first, second = app.get("", HERE), app.get("", f"{HERE}?p=1")
    assert (first["count"], first["start"], len(first["discussions"])) == (52, 0, 50)
    assert (second["start"], [one["num"] for one in second["discussions"]]) == (50, [2, 1])
    assert app.get("", f"{HERE}?type=pull_request")["discussions"][0]["num"] == pull
    assert app.get("", f"{HERE}?type=discussion")["count"] == 51
    assert app.get("", f"{HERE}?author=CAROL")["count"] == 1
    assert [one["num"] for one in app.get("", f"{HERE}?status=closed")["discussions"]] == [1]
    assert app.get("", f"{HERE}?status=open")["count"] == 51  # the draft among them
    assert app.get("", f"{HERE}?p=9")["discussions"] == []


@pytest.mark.parametrize("query", ["p=-1", "p=99999999999999999999", "type=x", "status=merged", "author=%00"])
def test_a_filter_that_there_is_not_is_refused(app: HubApp, query: str) -> None:
    assert app.send("alice", "GET", f"{HERE}?{query}").status_code == 422


ACTS: list[tuple[str, dict[str, str] | None]] = [
    ("comment", {"comment": "x"}),
    ("title", {"title": "x"}),
    ("status", {"status": "closed"}),
    ("merge", None),
    ("comment/{comment}/edit", {"content": "x"}),
    ("comment/{comment}/hide", None),
]


@pytest.mark.parametrize(("act", "body"), ACTS)
def test_what_is_somebody_elses_is_refused(app: HubApp, act: str, body: dict[str, str] | None) -> None:
    """Bob's pull request: carol, who only reads, may comment on it and nothing else; nobody may do nothing."""
    number = opened(app, "bob", pull=True)
    path = f"{HERE}/{number}/{act.format(comment=first_comment(app, number))}"
    assert app.send("", "POST", path, json=body).status_code == 401
    assert app.send("carol", "POST", path, json=body).status_code == (200 if act == "comment" else 403)
    assert app.send("bob", "POST", path, "read", json=body).status_code == 403
    app.create("alice/secret", private=True)
    hidden = path.replace("alice/m", "alice/secret")
    assert app.send("carol", "POST", hidden, json=body).headers["x-error-code"] == "RepoNotFound"


@pytest.mark.parametrize("act", ["title", "status", "comment/{comment}/edit", "comment/{comment}/hide"])
def test_authors_may_change_what_is_theirs(app: HubApp, act: str) -> None:
    number = opened(app, "bob")
    bodies = dict(ACTS)
    app.post("bob", f"{HERE}/{number}/{act.format(comment=first_comment(app, number))}", bodies[act])


def test_only_the_author_puts_words_into_a_comment(app: HubApp) -> None:
    number = opened(app, "bob")
    app.post("alice", f"{HERE}/{number}/comment/{first_comment(app, number)}/edit", {"content": "x"}, status=403)


@pytest.mark.parametrize(
    "path",
    ["9", "9/comment", "1/comment/{0:024x}/hide", "1/comment/{1:024x}/hide", "1/comment/xyz/hide", "1/comment/0/hide"],
)
def test_what_is_not_there_is_not_found(app: HubApp, path: str) -> None:
    opened(app)
    number = opened(app, title="another")
    comment = int(first_comment(app, number), 16)
    method = "GET" if path == "9" else "POST"
    response = app.send("alice", method, f"{HERE}/{path.format(comment + 100, comment)}", json={"comment": "x"})
    assert response.status_code == 404
    assert "x-error-code" not in response.headers  # a client would say that a revision or a file is missing


@pytest.mark.parametrize("body", [{"title": "  "}, {"title": "x" * 201}, {"title": "a\0"}, {"title": "\ud800"}, {}])
def test_a_title_has_some_letters_that_can_be_stored(app: HubApp, body: dict[str, Any]) -> None:
    sent = {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    assert app.send("bob", "POST", HERE, **sent).status_code in (400, 422)  # the former where it is no text at all
    app.post("bob", HERE, {"title": "fine", "description": "a\0"}, status=422)
    assert app.get("bob", HERE)["count"] == 0


def test_a_status_that_it_has_already_is_refused(app: HubApp) -> None:
    number = opened(app)
    app.post("bob", f"{HERE}/{number}/status", {"status": "open"}, status=409)
    app.post("bob", f"{HERE}/{number}/status", {"status": "draft"}, status=409)
    app.post("bob", f"{HERE}/{number}/status", {"status": "merged"}, status=422)


def test_a_discussion_takes_only_so_much(app: HubApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discussions, "MAX_EVENTS", 2)
    number = opened(app)
    app.post("bob", f"{HERE}/{number}/comment", {"comment": "x"})
    app.post("bob", f"{HERE}/{number}/comment", {"comment": "x"}, status=413)
    app.post("bob", f"{HERE}/{number}/comment", {"comment": "x" * 65_537}, status=422)
    app.post("bob", f"{HERE}/{number}/status", {"status": "closed"})


def test_numbers_have_no_gaps_however_many_are_opened_at_once(app: HubApp) -> None:
    for user in ("bob", "carol"):
        app.token(user)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda one: opened(app, "bob" if one % 2 else "carol", pull=one % 3 == 0), range(24)))
    assert sorted(numbers) == list(range(1, 25))
    refused = app.send("bob", "POST", HERE, json={"title": ""})
    assert (refused.status_code, opened(app)) == (422, 25)


def test_numbers_are_of_one_repository(app: HubApp) -> None:
    app.create("alice/n")
    assert opened(app) == 1
    assert app.post("bob", "/api/models/alice/n/discussions", {"title": "x"})["num"] == 1


@pytest.mark.parametrize("path", ["/api/models/a%00/b", "/api/models/alice/m/revision/a%00", "/api/users/a%00/likes"])
def test_a_name_with_a_zero_character_is_no_fault_of_the_server(app: HubApp, path: str) -> None:
    assert app.send("alice", "GET", path).status_code in (200, 400, 404)  # SQLite looks for it, PostgreSQL refuses
