"""What does it take to load an adapter, to make it live, to move a name to another version, and what stays behind?

MiniLM with the adapters of `benchmarks.many_adapters`, all in one registry and pulled once before anything is timed, so
that their verified folders are on this disk. Before that, an engine has to answer as plain `peft` does; the program
ends with 1 where it does not. In the results, with medians over the rounds:

    load_last_over_first   seconds to load one more adapter into an engine when 1,000 are there ÷ when none is: the
                           median of the last 50 ÷ that of the first 50. `Engine.follow` is timed: resolving the
                           name, pulling, hashing every byte, all checks, and the copy into host memory. Each round
                           has an engine of its own, and all stay in its memory
    load_peft_over_ours    plain `peft`'s `load_adapter` into one `PeftModel` ÷ ours, over the first 32 of the same
                           folders, each by both in turn, into a model and an engine of the round. `peft` reads the
                           folder and no more; ours is as above
    swap_over_copy         giving slots to 64 versions in host memory, each of which takes one from another version,
                           ÷ copying the same bytes once, from one block of each to one that is there already
    alias_to_first_row_ms  `registry.alias()`, `engine.refresh()` and the first row answered by the new version, which
                           was not in memory before
    memory_left_ratio      resident set of the process after 1,000 were loaded, served once each and unloaded, and
                           garbage was collected, ÷ before the first of them was loaded. Taken once, at the beginning,
                           after a warm-up with other adapters; it does not vary as times do
    milliseconds           the medians behind these

    python -m benchmarks.load_swap --registry /tmp/adapters --json
"""

from __future__ import annotations

import gc
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
import torch
from torch import Tensor

from adapterhub import Backbone, Engine
from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from benchmarks import harness, workload
from benchmarks.contenders.peft_classifier import PeftClassifier
from benchmarks.fleet import LABELS, Fleet
from benchmarks.harness import Contender, Disagreement
from benchmarks.oracle import Oracle
from benchmarks.workload import MINILM
from registry import Registry, Version, open_registry

ENDS = 50  # adapters at the beginning and at the end of those that are loaded
AGAINST_PEFT = 32
SLOTS = 64
WARMING = 2 * SLOTS  # adapters that are loaded and served before the first reading of memory
POLL_SECONDS = 3600.0  # nothing is polled while something is timed

Seconds = dict[str, float]


class Bench:
    """The backbone, the adapters and the rows of all measurements."""

    def __init__(self, folder: Path, count: int, say: Callable[[str], None]) -> None:
        self.backbone = Backbone.load(MINILM, device="cpu")
        self.fleet = Fleet(open_registry(folder), self.backbone)
        names = self.fleet.names(count + WARMING, say)
        self.names, self.warming = names[:count], names[count:]
        self.texts = workload.sentences(self.backbone.tokenizer.get_vocab(), 8)
        say("pulling")
        self.folders = [self.fleet.registry.pull(name) for name in names]

    def engine(self, registry: Registry | None = None) -> Engine:
        """An engine with the default budget, which does not poll by itself."""
        return Engine(self.backbone, registry or self.fleet.registry, poll_seconds=POLL_SECONDS)

    def check(self) -> None:
        """Hold the first answers against plain `peft`.

        Raises:
            Disagreement: they are others.
        """
        oracle = Oracle(self.fleet.registry, self.names, self.texts, self.backbone)
        with self.engine() as engine:
            oracle.check("ours", self.names, lambda request: engine.predict([request])[0])

    def serve(self, engine: Engine, names: Sequence[str]) -> None:
        """Follow each name and answer one row with it."""
        for name in names:
            engine.follow(name)
            engine.predict([(name, self.texts[0])])


def memory_left(bench: Bench) -> float:
    """Resident set after all adapters were loaded, served and unloaded ÷ before."""
    with bench.engine() as engine:
        bench.serve(engine, bench.warming)
        for name in bench.warming:
            engine.unload(name)
        before = _resident()
        bench.serve(engine, bench.names)
        for name in bench.names:
            engine.unload(name)
        return _resident() / before


def load_growth(bench: Bench) -> Seconds:
    """Median seconds to load one of the first, and one of the last, of all adapters."""
    with bench.engine() as engine:
        engine.follow(bench.warming[0])
        seconds = [_timed(partial(engine.follow, name)) for name in bench.names]
    return {"load_first": statistics.median(seconds[:ENDS]), "load_last": statistics.median(seconds[-ENDS:])}


def load_beside_peft(bench: Bench) -> Seconds:
    """Median seconds to load one of the first adapters, by plain `peft` and by us in turn."""
    classifier = PeftClassifier(locate(MINILM).folder, len(LABELS))
    classifier.load(bench.folders[-1], "warm-up")
    seconds: dict[str, list[float]] = {"load_peft": [], "load_ours": []}
    with bench.engine() as engine:
        engine.follow(bench.warming[-1])
        for place, (name, folder) in enumerate(zip(bench.names[:AGAINST_PEFT], bench.folders, strict=False)):
            ways = [
                ("load_peft", partial(classifier.load, folder, str(place))),
                ("load_ours", partial(engine.follow, name)),
            ]
            for way, load in reversed(ways) if place % 2 else ways:
                seconds[way].append(_timed(load))
    return {way: statistics.median(times) for way, times in seconds.items()}


def swap_and_copy(bench: Bench, rounds: int) -> Seconds:
    """Median seconds for one version: a slot taken from another version, and a copy of its bytes."""
    with bench.engine() as engine:
        groups = [[engine.follow(name) for name in bench.warming[start::2]] for start in (0, 1)]
        blocks = [_block(engine, version) for version in groups[0]]
        room = [torch.empty_like(block) for block in blocks]

        def give_slots(versions: Sequence[Version]) -> None:
            for version in versions:
                with engine.pool.wearing(version):
                    pass

        def swap() -> list[Tensor]:
            give_slots(groups[0])
            return []

        def copy() -> list[Tensor]:
            for target, block in zip(room, blocks, strict=True):
                target.copy_(block)
            return []

        give_slots(groups[1])
        seconds = harness.interleaved(
            [Contender("swap", swap, partial(give_slots, groups[1])), Contender("copy", copy)], rounds
        )
    return {way: value / len(blocks) for way, value in seconds.items()}


def alias_to_first_row(bench: Bench, rounds: int) -> Seconds:
    """Median seconds from moving an alias to the first row that the new version answers.

    Raises:
        Disagreement: another version answers.
    """
    repository, alias, seconds = "benchmarks/moving", "production", []
    with tempfile.TemporaryDirectory() as scratch:
        registry = open_registry(Path(scratch))
        versions = Fleet(registry, bench.backbone).versions(repository, harness.WARM_UP + rounds + 1)
        registry.alias(repository, alias, versions[0].version, expect=None)
        with bench.engine(registry) as engine:
            request = (f"{repository}@{alias}", bench.texts[0])
            engine.predict([request])
            for old, new in itertools.pairwise(versions):
                started = time.perf_counter()
                registry.alias(repository, alias, new.version, expect=old.version)
                engine.refresh()
                answer = engine.predict([request])[0]
                seconds.append(time.perf_counter() - started)
                if answer.version != new:
                    raise Disagreement(f"{answer.version} answers where {new} should")
    return {"alias_to_first_row": statistics.median(seconds[harness.WARM_UP :])}


def figures(rounds: Sequence[Seconds], once: Mapping[str, float], left: float) -> dict[str, Any]:
    """The keys of the results: from the seconds of each round, the medians of what is measured once, and memory."""
    medians = {way: statistics.median(one[way] for one in rounds) for way in rounds[0]} | dict(once)
    return {
        "load_last_over_first": _median_ratio(rounds, "load_last", "load_first"),
        "load_peft_over_ours": _median_ratio(rounds, "load_peft", "load_ours"),
        "swap_over_copy": round(medians["swap"] / medians["copy"], 3),
        "alias_to_first_row_ms": round(medians["alias_to_first_row"] * 1000, 1),
        "memory_left_ratio": round(left, 4),
        "milliseconds": {way: round(value * 1000, 4) for way, value in medians.items()},
    }


def _median_ratio(rounds: Sequence[Seconds], above: str, below: str) -> float:
    return round(statistics.median(one[above] / one[below] for one in rounds), 3)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _block(engine: Engine, version: Version) -> Tensor:
    """The bytes of a version in host memory."""
    with engine.pool.wearing(version) as adapter:
        if adapter.block is None:
            raise RuntimeError(f"{version} is not in one block")
        return adapter.block


def _resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def measure(folder: Path, count: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures.

    Raises:
        Disagreement: the engine's answers are not those of plain `peft`.
    """
    with quiet():
        bench = Bench(folder, count, say)
        say("memory")  # first, while nothing else has taken memory that it may keep
        left = memory_left(bench)
        bench.check()
        turns = []
        for turn in range(rounds):
            say(f"loading, round {turn + 1} of {rounds}")
            turns.append({**load_growth(bench), **load_beside_peft(bench)})
            gc.collect()  # models hold each other in cycles
        say("swapping")
        once = {**swap_and_copy(bench, rounds), **alias_to_first_row(bench, rounds)}
    return figures(turns, once, left)


@click.command()
@click.option("--adapters", "count", default=1000, show_default=True, type=click.IntRange(min=2 * ENDS))
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1), help="Of torch.")
@click.option("--registry", "folder", type=click.Path(path_type=Path), help="Kept between runs. Default: a new one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line, and nothing else, on stdout.")
def main(count: int, rounds: int, threads: int, folder: Path | None, as_json: bool) -> None:
    """Measure loading, swapping and unloading."""
    torch.set_num_threads(threads)
    facts = {**harness.facts(), "rounds": rounds, "adapters": count}
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(folder or Path(scratch), count, rounds, partial(click.echo, err=True))
    harness.report(facts, found, as_json)


if __name__ == "__main__":
    main()
