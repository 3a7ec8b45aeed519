"""The server's figures for Prometheus. All names begin with ``adapterhub_hub_``; routes are templates, never paths."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool

from registry.index import Database

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)  # a large file takes minutes


class Metrics:
    """The figures of one server process."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        by_route = ("method", "route")
        self.in_flight = self._gauge("requests_in_flight", "Requests that are being answered")
        self._requests = self._counter("requests", "Requests, by the status of their response", (*by_route, "status"))
        self._received = self._counter("received_bytes", "Bytes of bodies that came in", by_route)
        self._sent = self._counter("sent_bytes", "Bytes of bodies that went out", by_route)
        self._seconds = Histogram(
            "adapterhub_hub_request_seconds",
            "From the first byte of a request to the last of its response",
            by_route,
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Pool(database))
        ProcessCollector(registry=self.registry)

    def note(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count a request that was answered."""
        labels = (method if method in METHODS else "other", route)
        self._requests.labels(*labels, status).inc()
        self._seconds.labels(*labels).observe(seconds)
        self._received.labels(*labels).inc(received)
        self._sent.labels(*labels).inc(sent)

    def text(self) -> bytes:
        """All figures of this moment, in Prometheus' own format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"adapterhub_hub_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"adapterhub_hub_{name}", about, registry=self.registry)


class _Pool(Collector):
    """The pool of connections to the database."""

    def __init__(self, database: Database) -> None:
        self._pool = database.engine.pool

    def collect(self) -> Iterator[Metric]:
        if not isinstance(self._pool, QueuePool):
            return
        family = GaugeMetricFamily(
            "adapterhub_hub_database_connections", "Connections to the database", labels=["state"]
        )
        family.add_metric(["in use"], self._pool.checkedout())
        family.add_metric(["idle"], self._pool.checkedin())
        yield family
