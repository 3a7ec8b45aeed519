"""Prometheus scrapes an engine over HTTP and reads what its status says."""

from __future__ import annotations

import urllib.request

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from adapterhub.runtime.engine import Engine
from adapterhub.runtime.residency.metrics import EngineCollector


def scrape(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        sample.name: {
            tuple(other.labels[name] for name in sorted(other.labels)): other.value
            for other in family.samples
            if other.name == sample.name
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_says_what_the_status_says(engine: Engine) -> None:
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        assert scrape(server.server_port)["adapterhub_tier_versions"] == {("device",): 0, ("host",): 0}
        engine.predict([("acme/lora4", "hello"), ("acme/dora", "hello"), ("acme/lora4", "hello")])
        engine.predict([("acme/lora4", "hello")])
        engine.follow("acme/ia3")
        found = scrape(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    placed = {one.version.digest: one for one in engine.status().resident if one.stage == "device"}
    assert len(placed) == 2, "what has no slot has no series"
    for (digest, version), nbytes in found["adapterhub_adapter_bytes"].items():
        assert version == str(placed[digest].version) and nbytes == placed[digest].nbytes > 0
    hits = {version: value for (_, version), value in found["adapterhub_adapter_hits_total"].items()}
    assert hits == {"acme/lora4@1.0.0": 1, "acme/dora@1.0.0": 0}
    assert found["adapterhub_tier_versions"] == {("device",): 2, ("host",): 3}
    assert found["adapterhub_references_followed"] == {(): 3}
    assert found["adapterhub_rows_waiting"] == {(): 0}
