"""What the waits of a benchmark rest on: arrivals that nobody coordinates, and every request answered once."""

from __future__ import annotations

import itertools
import statistics
import threading

import pytest

from benchmarks import clients, harness


def test_arrivals_are_those_of_their_seed_and_as_many_a_second_as_asked_for() -> None:
    arrivals = clients.poisson(50, 5000, seed=1)
    assert arrivals == clients.poisson(50, 5000, seed=1) != clients.poisson(50, 5000, seed=2)
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] == pytest.approx(100, rel=0.05)
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.05)  # as of no even stream


def test_each_request_is_asked_once_and_its_answer_is_in_its_place() -> None:
    asked: list[int] = []

    def answer(request: int) -> int:
        asked.append(request)
        return -request

    burst = clients.ask(answer, range(200), clients=8)
    assert burst.answers == [-request for request in range(200)]
    assert sorted(asked) == list(range(200)) and len(burst.latencies) == 200


def test_all_clients_ask_at_once() -> None:
    together = threading.Barrier(4, timeout=30)
    clients.ask(lambda _: together.wait(), range(4), clients=4)


def test_a_request_that_finds_all_clients_busy_waits_since_it_was_due() -> None:
    burst = clients.ask(lambda _: threading.Event().wait(0.01), range(10), due=[0.0] * 10, clients=1)
    assert burst.latencies == sorted(burst.latencies) and burst.latencies[-1] > burst.latencies[0]


def test_what_a_request_raises_is_raised() -> None:
    def answer(_: int) -> int:
        raise KeyError("no such row")

    with pytest.raises(KeyError):
        clients.ask(answer, [1], clients=2)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [harness.percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert harness.percentile([3.0], 99) == 3
    with pytest.raises(ValueError):
        harness.percentile([], 50)
