"""Limits: counted by token or address, told in the Hub's headers, and kept from refusing whom they are not about."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from limits import parse
from limits.errors import StorageError

from registry.errors import RegistryUnavailable
from registry.server.settings import Settings
from registry.server.wire import limits
from tests.registry.server.access.conftest import Make
from tests.registry.server.people import People

WHOAMI = "/api/whoami-v2"
OPEN = "/api/agent-harnesses"


def statuses(client: TestClient, path: str, times: int, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


@pytest.fixture(autouse=True)
def early_in_the_minute() -> None:
    """Windows are fixed to the clock: a test that ran over the end of one would find it new."""
    if (left := 60 - time.time() % 60) < 10:
        time.sleep(left + 0.1)


def test_each_token_and_each_address_has_a_count_of_its_own(make: Make) -> None:
    people = People(make(limit="3/minute"))
    bob, carol, nobody = people.client("bob"), people.client("carol"), people.client()
    assert statuses(bob, WHOAMI, 1) == statuses(carol, WHOAMI, 1) == [200]  # before they are known
    assert statuses(bob, WHOAMI, 4) == [200, 200, 200, 429]
    assert statuses(carol, WHOAMI, 3) == [200, 200, 200]
    assert statuses(nobody, OPEN, 4) == [200, 200, 200, 429]
    elsewhere = TestClient(people.app, client=("192.0.2.7", 1))
    assert statuses(elsewhere, OPEN, 3) == [200, 200, 200]


def test_wrong_tokens_bring_no_counts_of_their_own(make: Make) -> None:
    client = TestClient(make(limit="3/minute", limit_failures=""))
    found = [client.get(OPEN, headers={"Authorization": f"Bearer {n}"}).status_code for n in range(5)]
    assert found == [200, 200, 200, 429, 429]


def test_the_headers_are_those_that_clients_parse(make: Make) -> None:
    client = TestClient(make(limit="2/minute"))
    answers = [client.get(OPEN) for _ in range(3)]
    for answer, left in zip(answers, (1, 0, 0), strict=True):
        found = re.fullmatch(r'"api";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
        assert found
        assert int(found[1]) == left
        assert 0 < int(found[2]) <= 60
        assert answer.headers["ratelimit-policy"] == '"fixed window";"api";q=2;w=60'
    refused = answers[2]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-error-message"].startswith("Too many requests: you may send 2 per 1 minute")
    assert refused.headers["x-request-id"]


def test_a_window_ends(make: Make) -> None:
    client = TestClient(make(limit="2/second"))
    assert 429 in statuses(client, OPEN, 5)
    time.sleep(1.1)
    assert statuses(client, OPEN, 1) == [200]


def test_without_a_limit_there_is_none(make: Make) -> None:
    client = TestClient(make())
    assert set(statuses(client, OPEN, 50)) == {200}
    assert "ratelimit" not in client.get(OPEN).headers


def test_who_looks_after_the_server_is_never_refused(make: Make) -> None:
    client = TestClient(make(limit="1/minute"))
    for path in ("/health", "/ready", "/metrics"):
        assert statuses(client, path, 3) == [200, 200, 200]


def test_guessing_tokens_ends_soon_and_shuts_out_no_neighbour(make: Make) -> None:
    people = People(make(limit_failures="3/minute"))
    bob, carol = people.client("bob"), people.client("carol")
    assert statuses(bob, WHOAMI, 1) == [200]
    stranger = TestClient(people.app)
    guesses = [stranger.get(WHOAMI, headers={"Authorization": f"Bearer ahub_{n}"}).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert statuses(bob, WHOAMI, 5) == [200] * 5  # known to be good from before
    assert statuses(carol, WHOAMI, 1) == [429]  # a right guess is not told from a wrong one
    assert statuses(stranger, OPEN, 3) == [200] * 3  # without a token nothing is guessed
    carol_elsewhere = TestClient(people.app, client=("192.0.2.7", 1), headers=carol.headers)
    assert statuses(carol_elsewhere, WHOAMI, 1) == [200]


def test_a_token_is_not_taken_for_good_where_nobody_asked_for_it(make: Make) -> None:
    people = People(make(limit_failures="2/minute"))
    wrong = {"Authorization": "Bearer ahub_wrong"}
    client = TestClient(people.app)
    assert statuses(client, OPEN, 3, **wrong) == [200] * 3
    assert statuses(client, WHOAMI, 3, **wrong) == [401, 401, 429]


def test_a_token_that_is_revoked_is_no_longer_known(make: Make) -> None:
    people = People(make(limit_failures="2/minute"))
    bob = people.client("bob")
    assert statuses(bob, WHOAMI, 1) == [200]
    people.hub.tokens.revoke("bob", people.hub.tokens.list("bob")[0].name, "bob")
    assert statuses(bob, WHOAMI, 4) == [401, 401, 429, 429]


def test_an_ipv6_network_is_one_address(make: Make) -> None:
    app = make(limit="2/minute")
    clients = [TestClient(app, client=(f"2001:db8::{n}", 1)) for n in range(1, 5)]
    assert [client.get(OPEN).status_code for client in clients] == [200, 200, 429, 429]
    assert TestClient(app, client=("2001:db8:0:1::1", 1)).get(OPEN).status_code == 200


class Broken(limits.FixedWindowRateLimiter):
    """Counts in a storage that cannot be reached."""

    tried = 0

    def hit(self, *arguments: Any, **options: Any) -> bool:
        self.tried += 1
        raise StorageError(OSError("connection refused"))


def test_a_storage_that_fails_refuses_nobody_and_is_left_alone_for_a_while(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FixedWindowRateLimiter", Broken)
    monkeypatch.setattr(limits, "AWAY", 0.3)
    limiter = limits.Limiter()
    windows = limiter._windows
    assert isinstance(windows, Broken)
    minute = parse("1/minute")
    assert [limiter._hit(minute, "key", 1) for _ in range(3)] == [None] * 3
    assert windows.tried == 1
    assert "connection refused" in caplog.text
    time.sleep(0.35)
    limiter._hit(minute, "key", 1)
    assert windows.tried == 2
    assert statuses(TestClient(make(limit="1/minute")), OPEN, 5) == [200] * 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"limit": "many"}, "'many' is no limit"),
        ({"limit_failures": "5/fortnight"}, "'5/fortnight' is no limit"),
        ({"limit_storage": "carrier-pigeon://coop"}, "carrier-pigeon"),
    ],
)
def test_a_server_does_not_start_with_what_is_no_limit(make: Make, settings: dict[str, str], said: str) -> None:
    with pytest.raises(RegistryUnavailable, match=said) as refused:
        make(**settings)
    assert refused.value.hint


def test_the_default_limits_failures_only() -> None:
    assert (Settings.limit, Settings.limit_failures) == ("", "60/minute")
