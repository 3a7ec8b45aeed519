"""Two at once for one name: one gets it, and nobody gets what is the other's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from httpx2 import Response

from tests.attacks.world import World
from tests.support.hub import DATABASES

pytestmark = pytest.mark.parametrize("world", DATABASES, indirect=True)

ROUNDS = 8


def at_once(*acts: Callable[[], Response]) -> list[Response]:
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Response]) -> Response:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def create(world: World, name: str, **options: Any) -> Callable[[], Response]:
    return lambda: world.send("ann", "POST", "/api/repos/create", json={"name": name, **options})


def move(world: World, before: str, after: str) -> Callable[[], Response]:
    return lambda: world.send("ann", "POST", "/api/repos/move", json={"fromRepo": before, "toRepo": after})


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_name_is_made_once_whatever_its_case(world: World, number: int) -> None:
    names = [f"acme/Race-{number}", f"acme/race-{number}", f"acme/RACE-{number}", f"ACME/race-{number}"]
    answers = at_once(*[create(world, name, private=name != names[0]) for name in names])
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    first = next(answer.json()["name"] for answer in answers if answer.status_code == 200)
    about = world.send("ann", "GET", f"/api/models/{names[1]}").json()
    assert (about["id"], about["private"]) == (first, first != names[0])
    assert len(world.send("ann", "GET", f"/api/models/{names[1]}/commits/main").json()) == 1


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_name_is_moved_to_once(world: World, number: int) -> None:
    for name in ("one", "two"):
        assert create(world, f"acme/{name}-{number}")().status_code == 200
    target = f"acme/target-{number}"
    acts = [move(world, f"acme/{name}-{number}", target) for name in ("one", "two")]
    answers = at_once(*acts, create(world, target))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409], [answer.text for answer in answers]


def test_a_name_that_was_left_is_nobody_elses(world: World) -> None:
    """Who knows the repository by its old name must not be given another one's bytes."""
    assert create(world, "acme/left")().status_code == 200
    assert move(world, "acme/left", "acme/gone-on")().status_code == 200
    assert create(world, "acme/other")().status_code == 200
    with world.unharmed():
        assert create(world, "acme/LEFT")().status_code == 409
        assert move(world, "acme/other", "acme/Left")().status_code == 409
        answer = world.send("ann", "POST", "/api/models/acme/other/duplicate", json={"repository": "acme/left"})
        assert answer.status_code == 409
    assert world.send("ann", "GET", "/api/models/acme/left").json()["id"] == "acme/gone-on"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_name_is_left_and_taken_at_once(world: World, number: int) -> None:
    """The name goes on meaning the repository that left it."""
    old, new = f"acme/old-{number}", f"acme/new-{number}"
    assert create(world, old)().status_code == 200
    moved, made = at_once(move(world, old, new), create(world, old))
    assert (moved.status_code, made.status_code) == (200, 409), (moved.text, made.text)
    assert world.send("ann", "GET", f"/api/models/{old}").json()["id"] == new
