"""What does it cost that thousands of published adapters are live, when 64 of them fit into slots?

MiniLM, LoRA of rank 8 on query and value with a head of two labels each; rows of 8 to 64 tokens, given as text, one
row a request, asked through `Engine.predict` by 64 client threads. Each configuration (how many adapters, and how
requests spread over them) has an engine of its own with the default budget (64 slots, 2 GiB of host memory), all on one
backbone. The adapters come from a registry where each was published; before anything is timed every name is followed
and as many versions are in host memory as fit, the most popular last. A poll of the registry is as rare as makes all
engines together poll as often as one does. Before that, every engine has to answer as plain `peft` does, one row and
one adapter at a time; the program ends with 1 where one does not.

In each round every configuration answers the same texts once, with adapters drawn anew. In the results, for a
configuration K (`zipf1_1000`: 1,000 adapters, zipf:1; `uniform_20`: 20, each as popular as the others; `one`: one):

    K                rows a second of K ÷ those of `one`, where each client asks again as soon as it is answered
    cliff_p50_ratio  median wait with 128 adapters live, twice as many as slots, ÷ with 64, uniform, at 70% load
    p50_ms, p99_ms   of each K: what half, and 99 of 100, of the requests waited at most, at 70% load: they arrive by
                     themselves (Poisson), 0.7 × as many a second as `one` answered in this run. A wait counts from when
                     a request was due. Medians over the rounds of each round's percentile; where K answers fewer
                     than arrive, the wait grows with the length of a round
    hits             of each K: the share of requests at 70% load, two untimed rounds included, whose adapter was in a
                     slot (device), in host memory alone (host), or had to be pulled and loaded (disk)
    rows_per_second  of each K, where each client asks again as soon as it is answered

A key is missing where --adapters leaves its configuration out.

    python -m benchmarks.many_adapters --registry /tmp/adapters --adapters 1000 --json
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from adapterhub import Backbone, Engine
from adapterhub.backbone.quiet import quiet
from adapterhub.runtime.engine import Budget, Request
from adapterhub.tasks import Answer
from benchmarks import clients, harness, workload
from benchmarks.fleet import Fleet
from benchmarks.harness import Contender
from benchmarks.hits import Hits
from benchmarks.oracle import Oracle
from benchmarks.popularity import draw_ranked
from benchmarks.workload import MINILM
from registry import open_registry

SIZES = (20, 100, 1000, 10_000)
LOAD = 0.7
POLL_SECONDS = 2.0  # of one engine, as it is by default


@dataclass(frozen=True)
class Configuration:
    """So many adapters, and how requests spread over them."""

    count: int
    popularity: str

    @property
    def name(self) -> str:
        """What it is called in the results."""
        return "one" if self.count == 1 else f"{self.popularity.replace(':', '')}_{self.count}"


ONE = Configuration(1, "uniform")
CLIFF = (Configuration(64, "uniform"), Configuration(128, "uniform"))


def configurations(most: int) -> list[Configuration]:
    """Those of at most so many adapters, the one with a single adapter first."""
    spread = [Configuration(size, popularity) for size in SIZES for popularity in ("zipf:1", "uniform")]
    return [one for one in (ONE, *spread, *CLIFF) if one.count <= most]


class Served:
    """One configuration in an engine of its own, and the requests that its clients ask."""

    def __init__(
        self, configuration: Configuration, engine: Engine, names: Sequence[str], texts: Sequence[str]
    ) -> None:
        self.name = configuration.name
        self.engine = engine
        self.names = names[: configuration.count]  # the most popular first
        self.hits = Hits(engine)
        self.percentiles: list[tuple[float, float]] = []  # p50 and p99 of each round, the warm-up included
        self._popularity = configuration.popularity
        self._texts = texts
        self._round = 0

    def prepare(self) -> None:
        """Follow all names, and load what fits into host memory, the most popular last."""
        self.engine.follow(self.names[0])
        fitting = self.engine.pool.budget.host_bytes // self.engine.status().resident[0].nbytes
        for name in self.names[fitting:]:
            self.engine.follower.follow(name)
        for name in reversed(self.names[:fitting]):
            self.engine.follow(name)

    def answer(self, request: Request) -> Answer:
        """One row, as a client asks for it."""
        return self.engine.predict([request])[0]

    def saturated(self) -> Contender:
        """Each client asks again as soon as it is answered."""

        def step() -> list[Tensor]:
            clients.ask(self.answer, self._requests())
            return []

        return Contender(self.name, step)

    def arriving(self, rate: float) -> Contender:
        """Requests arrive by themselves, at the same moments for all configurations."""

        def step() -> list[Tensor]:
            requests = self._requests()
            burst = clients.ask(self.answer, requests, clients.poisson(rate, len(requests), self._round))
            self.percentiles.append(tuple(harness.percentile(burst.latencies, percent) for percent in (50, 99)))
            return []

        return Contender(self.name, step)

    def _requests(self) -> list[Request]:
        self._round += 1
        drawn = draw_ranked(self._popularity, self.names, len(self._texts), random.Random(self._round))
        return list(zip(drawn, self._texts, strict=True))


def figures(seconds: Mapping[str, float], served: Sequence[Served], rows: int) -> dict[str, Any]:
    """The keys of the results from median seconds of each configuration's saturated round and its percentiles."""
    ratios = harness.ratios(seconds, seconds[ONE.name])
    waits = {
        one.name: [statistics.median(column) for column in zip(*one.percentiles[harness.WARM_UP :], strict=True)]
        for one in served
    }
    return {
        **{name: ratio for name, ratio in ratios.items() if name != ONE.name},
        **cliff({name: p50 for name, (p50, _) in waits.items()}),
        "p50_ms": {name: round(p50 * 1000, 1) for name, (p50, _) in waits.items()},
        "p99_ms": {name: round(p99 * 1000, 1) for name, (_, p99) in waits.items()},
        "hits": {one.name: one.hits.rates() for one in served},
        "rows_per_second": {name: round(rows / value, 1) for name, value in seconds.items()},
    }


def cliff(p50: Mapping[str, float]) -> dict[str, float]:
    """The key of the cliff, from the median wait of each configuration; nothing where one of its two is absent."""
    within, beyond = (p50.get(one.name) for one in CLIFF)
    return {} if within is None or beyond is None else {"cliff_p50_ratio": round(beyond / within, 3)}


def measure(folder: Path, most: int, rows: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures.

    Raises:
        Disagreement: an engine's answers are not those of plain `peft`.
    """
    with quiet(), ExitStack() as stack:
        backbone = Backbone.load(MINILM, device="cpu")
        fleet = Fleet(open_registry(folder), backbone)
        chosen = configurations(most)
        names = fleet.names(max(one.count for one in chosen), say)
        texts = workload.sentences(backbone.tokenizer.get_vocab(), rows)
        _check_lengths(texts, backbone)
        oracle = Oracle(fleet.registry, names, texts[:8], backbone)
        served = []
        for one in chosen:
            say(f"{one.name}: loading")
            engine = Engine(backbone, fleet.registry, budget=Budget(), poll_seconds=POLL_SECONDS * len(chosen))
            served.append(Served(one, stack.enter_context(engine), names, texts))
            served[-1].prepare()
            oracle.check(one.name, served[-1].names, served[-1].answer)
        say("saturated")
        seconds = harness.interleaved([one.saturated() for one in served], rounds)
        rate = LOAD * rows / seconds[ONE.name]
        say(f"{rate:.1f} rows a second arrive")
        for one in served:
            one.hits.reset()
        harness.interleaved([one.arriving(rate) for one in served], rounds)
    return figures(seconds, served, rows)


def _check_lengths(texts: Sequence[str], backbone: Backbone) -> None:
    for text in texts:
        length = len(backbone.tokenizer(text)["input_ids"])
        if length != len(text.split()) + 2:
            raise RuntimeError(f"{text!r} becomes {length} tokens, not one a word")


@click.command()
@click.option("--adapters", "most", default=SIZES[-1], show_default=True, type=click.IntRange(min=1))
@click.option("--rows", default=256, show_default=True, type=click.IntRange(min=8), help="Requests of each round.")
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1), help="Of torch.")
@click.option("--registry", "folder", type=click.Path(path_type=Path), help="Kept between runs. Default: a new one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line, and nothing else, on stdout.")
def main(most: int, rows: int, rounds: int, threads: int, folder: Path | None, as_json: bool) -> None:
    """Compare engines of many live adapters with an engine of one."""
    torch.set_num_threads(threads)
    facts = {**harness.facts(), "rounds": rounds, "rows": rows}
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(folder or Path(scratch), most, rows, rounds, partial(click.echo, err=True))
    harness.report(facts, found, as_json)


if __name__ == "__main__":
    main()
