"""Threads that ask an engine as its callers would, each one request at a time, and how long they waited.

Knows when requests are due. Knows nothing of what is in them.
"""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

CLIENTS = 64

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True)
class Burst(Generic[A]):
    """What became of requests, in their order: the answers, and the seconds from when each was due to its answer."""

    answers: Sequence[A]
    latencies: Sequence[float]


def ask(
    answer: Callable[[Q], A], requests: Sequence[Q], due: Sequence[float] | None = None, clients: int = CLIENTS
) -> Burst[A]:
    """Let `clients` threads take the requests in their order, each the next one that nobody has taken.

    Args:
        due: seconds from the beginning at which each request comes, in their order. A request that finds all clients
            busy has waited since then, not since a client took it. None: each as soon as a client is free.
    """
    waiting: queue.SimpleQueue[tuple[int, Q]] = queue.SimpleQueue()
    for numbered in enumerate(requests):
        waiting.put(numbered)
    answers: dict[int, A] = {}
    latencies: dict[int, float] = {}
    started = time.perf_counter()

    def client() -> None:
        while True:
            try:
                index, request = waiting.get_nowait()
            except queue.Empty:
                return
            begun = time.perf_counter() if due is None else started + due[index]
            time.sleep(max(begun - time.perf_counter(), 0))
            answers[index] = answer(request)
            latencies[index] = time.perf_counter() - begun

    with ThreadPoolExecutor(clients) as threads:
        for running in [threads.submit(client) for _ in range(clients)]:
            running.result()
    order = range(len(requests))
    return Burst([answers[index] for index in order], [latencies[index] for index in order])


def poisson(rate: float, count: int, seed: int) -> list[float]:
    """The seconds at which `count` requests arrive that nobody coordinates, `rate` a second on average."""
    rng = random.Random(seed)
    return list(accumulate(rng.expovariate(rate) for _ in range(count)))
