"""What is seen of requests: ids, the access log, health, figures; and failures that tell nothing of the inside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from registry.server.services import Services
from tests.registry.server.access.conftest import Make
from tests.registry.server.people import People

OPEN = "/api/agent-harnesses"


def client_of(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def figures(app: FastAPI) -> dict[tuple[str, ...], float]:
    """The samples of /metrics by name and the values of their labels."""
    text = client_of(app).get("/metrics").text
    return {
        (sample.name.removeprefix("adapterhub_hub_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"X-Request-Id": "abc-1"}, "abc-1"),
        ({"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678"}, "Root=1-67891233-abcdef012345678912345678"),
        ({"X-Request-Id": "abc-1", "X-Amzn-Trace-Id": "other"}, "abc-1"),
        ({"X-Request-Id": "<script>\"'\t{}"}, "script"),
        ({"X-Request-Id": "x" * 5000}, "x" * 128),
    ],
)
def test_the_id_of_a_request_is_echoed_as_far_as_it_is_harmless(
    app: FastAPI, headers: dict[str, str], answered: str
) -> None:
    for path in (OPEN, "/no/such/path", "/api/models/a/b"):
        assert client_of(app).get(path, headers=headers).headers["x-request-id"] == answered


def test_a_request_without_an_id_gets_one_of_its_own(app: FastAPI) -> None:
    client = client_of(app)
    for headers in ({}, {"X-Request-Id": ""}, {"X-Request-Id": "\t<>"}):
        found = {client.get(OPEN, headers=headers).headers["x-request-id"] for _ in range(3)}
        assert len(found) == 3
        assert {len(one) for one in found} == {36}


def test_middleware_that_refuses_carries_the_id_too(app: FastAPI) -> None:
    answer = client_of(app).post(OPEN, headers={"Content-Encoding": "gzip", "X-Request-Id": "me"}, content=b"x")
    assert (answer.status_code, answer.headers["x-request-id"]) == (415, "me")


def test_what_nobody_expected_tells_its_id_and_nothing_else(
    app: FastAPI, hub: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(hub.tokens), "holder", explode)
    answer = client_of(app).get("/api/whoami-v2", headers={"Authorization": "Bearer x", "X-Request-Id": "me"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "me"
    assert (answer.json()["code"], answer.json()["requestId"]) == ("internal", "me")
    assert "hunter2" not in answer.text + str(answer.headers)
    assert "hunter2" in caplog.text  # for the operator, beside the id
    assert "request me" in caplog.text
    assert figures(app)["requests_total", "GET", "/api/whoami-v2", "500"] == 1


def test_a_database_that_fails_tells_nothing_of_itself(
    app: FastAPI, hub: Services, caplog: pytest.LogCaptureFixture
) -> None:
    hub.database.close()
    file = hub.settings.data / "index.sqlite"
    for one in hub.settings.data.glob("index.sqlite*"):
        one.unlink()
    file.write_bytes(b"no database" * 1000)
    answer = client_of(app).get("/api/models/a/b")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "sqlite" not in answer.text + str(answer.headers)
    assert answer.headers["x-request-id"] in caplog.text
    assert str(file) in caplog.text


def test_health_is_that_of_the_process(app: FastAPI, hub: Services) -> None:
    shutil.rmtree(hub.settings.data)
    assert client_of(app).get("/health").json() == {"status": "ok"}


def test_ready_names_the_part_that_is_not(app: FastAPI, hub: Services) -> None:
    client, blobs = client_of(app), hub.settings.data / "staged"
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["parts"]) == (200, {"database": "ok", "store": "ok"})
    assert not blobs.exists()
    blobs.write_text("a file, where a folder should be")
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["parts"]) == (503, {"database": "ok", "store": "failed"})
    blobs.unlink()
    assert client.get("/ready").status_code == 200
    with hub.database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["parts"]) == (503, {"database": "failed", "store": "ok"})


def test_figures_are_by_template_and_status(people: People) -> None:
    name = people.repository("acme/open")
    client, before = people.client(), figures(people.app)
    for path in (f"/api/models/{name}", "/api/models/a/b", "/api/models/c/d", "/no-such", f"/{name}/resolve/main/x"):
        client.get(path)
    sent = len(client.get(f"/{name}/resolve/main/.gitattributes").content)
    client.request("BREW", "/no-such")
    client.post("/api/validate-yaml", content=b"12345")
    after = figures(people.app)

    def more(*key: str) -> float:
        return after.get(key, 0) - before.get(key, 0)

    info, file = "/api/{kind}/{namespace}/{name}", "/{namespace}/{name}/resolve/{revision}/{path}"
    assert more("requests_total", "GET", info, "200") == 1
    assert more("requests_total", "GET", info, "401") == 2
    assert more("requests_total", "GET", "unmatched", "404") == 1
    assert more("requests_total", "other", "unmatched", "404") == 1
    assert more("requests_total", "GET", file, "404") == 1
    assert more("request_seconds_count", "GET", file) == 2
    assert more("sent_bytes_total", "GET", file) > sent > 0
    assert after["requests_in_flight",] == 1  # that for the figures
    assert after["database_connections", "in use"] == 0
    assert after["database_connections", "idle"] >= 1
    assert not any("acme" in part for key in after for part in key)


def test_bytes_that_come_in_are_counted(people: People) -> None:
    body = json.dumps({"name": "bob/x"}).encode()
    people.client("bob").post("/api/repos/create", content=body, headers={"Content-Type": "application/json"})
    assert figures(people.app)["received_bytes_total", "POST", "/api/repos/create"] == len(body)


@pytest.fixture
def logged(make: Make, tmp_path: Path) -> tuple[People, Path]:
    file = tmp_path / "access.log"
    return People(make(access_log=str(file))), file


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_access_log_has_a_line_for_each_request(logged: tuple[People, Path]) -> None:
    people, file = logged
    bob = people.client("bob")
    bob.get("/api/whoami-v2", headers={"X-Request-Id": "me"})
    people.client().get("/api/models/a%2Fb/c%0Ad?x=1")
    first, second = lines(file)
    size = first.pop("bytes")
    assert size > 100
    assert first.pop("seconds") > 0
    assert first.pop("time").endswith("Z")
    assert first == {
        "request_id": "me",
        "method": "GET",
        "path": "/api/whoami-v2",
        "status": 200,
        "bytes_in": 0,
        "user": "bob",
        "address": "testclient",
    }
    assert (second["status"], second["user"], second["path"]) == (401, None, "/api/models/a%2Fb/c%0Ad")


def test_the_access_log_keeps_no_secrets(logged: tuple[People, Path]) -> None:
    people, file = logged
    client = people.client("bob")
    token = client.headers["Authorization"].partition(" ")[2]
    client.get("/api/models/a/b?signature=s3cr3t")
    client.get("/_lfs/s3cr3t", headers={"Cookie": "session=s3cr3t"})
    client.get("/api/models/" + "x" * 5000)
    text = file.read_text()
    assert token not in text
    assert "s3cr3t" not in text
    assert max(map(len, text.splitlines())) < 1500


def test_the_access_log_goes_on_in_a_new_file_when_it_is_moved_away(logged: tuple[People, Path]) -> None:
    people, file = logged
    client = people.client()
    client.get(OPEN)
    file.rename(file.with_suffix(".1"))
    client.get(OPEN)
    assert (len(lines(file)), len(lines(file.with_suffix(".1")))) == (1, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "many"},
        {"Content-Length": "-1"},
        {"Content-Length": "1e3"},
        {"Content-Length": "9" * 5000},
        {"Content-Type": "application/json; charset=nonsense"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "\xff"},
        {"Host": "a b"},
        {"Host": "[::1"},
        {"Host": "x:99999"},
        {"Authorization": "\xff\xfe"},
        {"Authorization": "Bearer"},
        {"Range": "bytes=9-1"},
        {"Range": "bytes=-"},
        {"Range": "lines=1-2,,"},
        {"If-None-Match": "\xff"},
        {"If-Range": "\xff"},
        {"Accept": "\xff" * 1000},
        {"X-Forwarded-For": "\xff"},
        {"Cookie": "=;=;\xff"},
        {"Transfer-Encoding": "\xff"},
        {"Expect": "200-ok"},
    ],
)
def test_no_header_makes_the_server_fail(people: People, headers: dict[str, str]) -> None:
    name = people.repository("bob/open")
    client = people.client()
    raw = {key: value.encode("latin-1") for key, value in headers.items()}
    for method, path in (
        ("GET", f"/{name}/resolve/main/.gitattributes"),
        ("HEAD", f"/{name}/resolve/main/.gitattributes"),
        ("GET", f"/api/models/{name}"),
        ("GET", f"/api/models/{name}/tree/main?limit=1"),
        ("POST", f"/api/models/{name}/paths-info/main"),
        ("POST", "/api/repos/create"),
        ("POST", f"/api/models/{name}/commit/main"),
        ("PUT", "/no-such"),
    ):
        answer = client.request(method, path, headers=raw, content=b"{" if method == "POST" else None)  # type: ignore[arg-type]
        assert answer.status_code < 500, (method, path, answer.text)
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/a%00/b",
        "/api/models/%ff/%fe",
        "/api/models/a/b?expand=%ff&blobs=maybe",
        "/api/models/bob/open/tree/%00",
        "/api/models/bob/open/tree/main/%ff%00",
        "/api/models/bob/open/revision/%ff",
        "/bob/open/resolve/main/%00",
        "/bob/open/resolve/main/..%2f..%2fetc%2fpasswd",
        "/bob/open/resolve/main//",
        "//",
        "/%",
        "/%zz",
        "/api/models/bob/open/tree/main?cursor=%ff%00",
        "/api/models/bob/open/user-access-request/pending?cursor=" + "9" * 40,
    ],
)
def test_no_path_makes_the_server_fail(people: People, path: str) -> None:
    people.repository("bob/open")
    answer = people.client("bob").get(path)
    assert answer.status_code < 500, answer.text
    assert "error" in answer.json() or answer.status_code == 200


def test_unknown_paths_and_methods_are_answered_in_json(app: FastAPI) -> None:
    client = client_of(app)
    missing = client.get("/api/no-such")
    assert (missing.status_code, missing.headers["x-error-code"]) == (404, "EntryNotFound")
    assert missing.json()["error"]
    wrong = client.delete("/api/whoami-v2")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "Method Not Allowed")
