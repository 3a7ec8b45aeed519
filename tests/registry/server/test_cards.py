"""Checking the front matter of a README.md: whatever it holds, the answer is one that clients can read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hub_app import HubApp


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubApp]:
    made = HubApp(Path(tmp_path_factory.mktemp("cards")) / "hub")
    yield made
    made.hub.close()


def validate(hub: HubApp, content: str) -> tuple[int, list[str], list[str]]:
    response = hub.send("", "POST", "/api/validate-yaml", json={"content": content, "repoType": "model"})
    answer = response.json()
    return response.status_code, *([one["message"] for one in answer[key]] for key in ("errors", "warnings"))


@pytest.mark.parametrize(
    "card",
    [
        "---\nlicense: mit\n---\n# x",
        "\n  \n---\nlicense: mit\ntags: [a, b]\nlanguage: en\nmodel-index: []\n---\n",
        "---\r\nlicense: [mit]\r\n---\r\n",
    ],
)
def test_a_card_that_is_right_has_no_errors(hub: HubApp, card: str) -> None:
    assert validate(hub, card) == (200, [], [])


@pytest.mark.parametrize("card", ["", "# x", "---\n---\n", "text\n---\nlicense: mit\n---\n"])
def test_a_card_that_says_nothing_is_warned_of(hub: HubApp, card: str) -> None:
    assert validate(hub, card) == (200, [], ["empty or missing yaml metadata in repo card"])


@pytest.mark.parametrize(
    ("front", "part"),
    [
        ("model-index: x", '"model-index" must be an array'),
        ("license: 5", '"license" must be'),
        ("language: [no]", '"language" must be'),
        ("pipeline_tag: [a]", '"pipeline_tag" must be a string'),
        ("- a", "not a mapping"),
        ("a: [", "not YAML"),
        ("a: !!timestamp x", "not YAML"),
        ('a: !!int ""', "not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
        ("a: " + "[" * 5000, "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
        ("a: " + "x" * 300_000, "characters"),
    ],
)
def test_a_card_that_is_wrong_says_where(hub: HubApp, front: str, part: str) -> None:
    status, errors, _ = validate(hub, f"---\n{front}\n---\n")
    assert status == 400 and any(part in one for one in errors), errors


@given(st.text("ab-:[]{}!&*|>'\"%@`#,? \n0123.\\~<=tfney", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_card_makes_the_server_fail(hub: HubApp, front: str) -> None:
    status, errors, _ = validate(hub, f"---\n{front}\n---\n")
    assert status == (400 if errors else 200)
