"""What every benchmark shares: contenders timed in turns, agreement of their answers, and the facts beside the figures.

Machines differ and are shared, so only ratios of one run count: in each round every contender runs once, and medians
over the rounds are compared. Knows nothing of what is measured.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

TOLERANCE = 1e-4  # of a row's largest value; float32
WARM_UP = 2  # untimed rounds: buffers are allocated, caches filled
PACKAGES = ("torch", "transformers", "peft", "polylora")


class Disagreement(click.ClickException):
    """A contender gives other answers than plain `peft`: its time would mean nothing."""


def _nothing() -> None:
    """A step that leaves nothing behind needs no restoring."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work that is measured.

    Attributes:
        name: what it is called in the results.
        step: the timed work; one tensor for each row of the workload, in its order.
        restore: untimed, after each step: undoes what the step left behind, so that every step does the same.
    """

    name: str
    step: Callable[[], Sequence[Tensor]]
    restore: Callable[[], None] = _nothing

    @torch.inference_mode()
    def outputs(self) -> Sequence[Tensor]:
        """The result of one step."""
        try:
            return self.step()
        finally:
            self.restore()


@torch.inference_mode()
def interleaved(
    contenders: Sequence[Contender], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each contender's step over `rounds` rounds.

    The first to run changes from round to round, so that nobody always finds the same neighbour's data in the cache.
    """
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(WARM_UP + rounds):
        first = turn % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            started = clock()
            contender.step()
            elapsed = clock() - started
            contender.restore()
            if turn >= WARM_UP:
                seconds[contender.name].append(elapsed)
    return {name: statistics.median(times) for name, times in seconds.items()}


def least_seconds(flops: float, nbytes: float, flops_per_second: float, bytes_per_second: float) -> float:
    """The roofline (Williams et al. 2009): no less time than the multiplications need, nor than the reading needs."""
    return max(flops / flops_per_second, nbytes / bytes_per_second)


def disagreement(outputs: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> str | None:
    """The first row that differs by more than `tolerance` of its largest expected value; None where all agree."""
    if len(outputs) != len(expected):
        return f"{len(outputs)} rows, not {len(expected)}"
    for index, (found, wanted) in enumerate(zip(outputs, expected, strict=True)):
        if found.shape != wanted.shape:
            return f"row {index} has shape {list(found.shape)}, not {list(wanted.shape)}"
        difference, allowed = float((found - wanted).abs().max()), tolerance * float(wanted.abs().max())
        if not difference <= allowed:
            return f"row {index} differs by {difference:.3g}, allowed is {allowed:.3g}"
    return None


def changed(outputs: Sequence[Tensor], bare: Sequence[Tensor], tolerance: float) -> str | None:
    """The first row that an adapter leaves nearly as it is, so that agreement would prove nothing; None where none is.

    Args:
        bare: what comes out without the adapter.
    """
    for index, (found, row) in enumerate(zip(outputs, bare, strict=True)):
        if not float((found - row).abs().max()) > 10 * tolerance * float(row.abs().max()):
            return f"the adapter of row {index} changes nothing, so agreement would prove nothing"
    return None


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of `values` that so many percent of them do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values, so no percentile")
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]


def facts() -> dict[str, Any]:
    """What the figures were measured on: machine, commit, versions (null where absent), threads."""
    return {
        "machine": f"{_processor()} ({platform.machine()}), {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "threads": torch.get_num_threads(),
    }


def report(facts: Mapping[str, Any], found: Mapping[str, Any], as_json: bool) -> None:
    """Print the results as one JSON line; for people, each figure on a line of its own before it."""
    if not as_json:
        for key, value in {**facts, **found}.items():
            click.echo(f"{key:22} {value}")
    click.echo(json.dumps({**facts, **found}))


def version(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def ratios(seconds: Mapping[str, float], reference: float) -> dict[str, float]:
    """`reference` seconds over each contender's: 1 is as fast, a half takes twice as long."""
    return {name: round(reference / value, 3) for name, value in seconds.items()}


def _processor() -> str:
    """The processor's name where the system tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _commit() -> str:
    """The commit of this code, ``+changes`` where the tree is not that commit's; empty outside a repository."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
