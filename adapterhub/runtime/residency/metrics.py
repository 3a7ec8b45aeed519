"""An engine's figures for Prometheus, taken when it asks: ``REGISTRY.register(EngineCollector(engine))``.

Needs prometheus-client, which the extra ``metrics`` installs. Versions in slots have series of their own; what lies in
host memory alone is counted by tier, so that thousands of adapters do not become thousands of series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from adapterhub.runtime.residency.entry import Stage
from adapterhub.runtime.residency.status import Residency, Status

VERSION = ("version", "digest")
GAUGES = {
    "nbytes": ("adapter_bytes", "Bytes of the tensors of a version that has a slot"),
    "loaded_in": ("adapter_load_seconds", "Seconds that its last load took"),
    "in_flight": ("adapter_in_flight", "Requests that count on it"),
    "since": ("adapter_loaded_timestamp_seconds", "When it arrived in host memory, since the epoch"),
}
COUNTERS = {
    "loads": ("adapter_loads", "Reads from disk"),
    "hits": ("adapter_hits", "Requests that found it in memory or on its way there"),
    "misses": ("adapter_misses", "Requests that began its load"),
    "evictions": ("adapter_evictions", "Times that it gave way to another version"),
}


class Observed(Protocol):
    """What is observed: an engine, as far as this module knows it."""

    def status(self) -> Status:
        """What there is to be seen of it now."""


class EngineCollector(Collector):
    """Collects one engine's figures; all names begin with ``adapterhub_``."""

    def __init__(self, engine: Observed) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing: what there is depends on what is resident."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All figures of this moment."""
        status = self._engine.status()
        yield from _tiers(status)
        yield _gauge("rows_waiting", "Rows that no step has taken yet", status.waiting)
        yield _gauge("prompts_running", "Prompts that are being continued", status.writing)
        yield _gauge("references_followed", "Names that are followed", len(status.following))
        yield from _swaps(status)
        placed = [one for one in status.resident if one.stage is Stage.DEVICE]
        for field, (name, text) in GAUGES.items():
            yield _by_version(GaugeMetricFamily(f"adapterhub_{name}", text, labels=VERSION), placed, field)
        for field, (name, text) in COUNTERS.items():
            yield _by_version(CounterMetricFamily(f"adapterhub_{name}", text, labels=VERSION), placed, field)


def _tiers(status: Status) -> Iterator[Metric]:
    versions = GaugeMetricFamily("adapterhub_tier_versions", "Versions in a tier", labels=["tier"])
    nbytes = GaugeMetricFamily("adapterhub_tier_bytes", "Bytes of their tensors", labels=["tier"])
    for name, tier in status.tiers.items():
        versions.add_metric([name], tier.versions)
        nbytes.add_metric([name], tier.nbytes)
    yield versions
    yield nbytes


def _swaps(status: Status) -> Iterator[Metric]:
    stages = GaugeMetricFamily("adapterhub_swaps", "Followed names by the stage of their last swap", labels=["stage"])
    found = [str(swap.stage) for swap in status.swaps.values()]
    for stage in sorted(set(found)):
        stages.add_metric([stage], found.count(stage))
    yield stages


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"adapterhub_{name}", text, value=value)


def _by_version(
    family: GaugeMetricFamily | CounterMetricFamily, residents: list[Residency], field: str
) -> GaugeMetricFamily | CounterMetricFamily:
    for one in residents:
        family.add_metric([str(one.version), one.version.digest], getattr(one, field))
    return family
