"""Downloads as any HTTP client asks for them: conditions, names to save under, and the addresses that people click."""

from __future__ import annotations

import base64
import json

import pytest
from fastapi.testclient import TestClient

FILES = {"a.txt": b"0123456789", "d/größe.txt": b"x"}


@pytest.fixture
def etag(client: TestClient, ada: dict[str, str]) -> str:
    """That of ``a.txt`` in ``ada/m``."""
    commit(client, ada, FILES)
    return client.head("/ada/m/resolve/main/a.txt").headers["etag"]


def commit(client: TestClient, ada: dict[str, str], files: dict[str, bytes]) -> None:
    client.post("/api/repos/create", json={"name": "m"}, headers=ada)
    lines = [{"key": "header", "value": {"summary": "one"}}]
    for path, data in files.items():
        value = {"path": path, "content": base64.b64encode(data).decode(), "encoding": "base64"}
        lines.append({"key": "file", "value": value})
    sent = "\n".join(map(json.dumps, lines))
    assert client.post("/api/models/ada/m/commit/main", content=sent, headers=ada).status_code == 200


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If-None-Match", "{}", 304),
        ("If-None-Match", "W/{}", 304),
        ("If-None-Match", '"x", {}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x"', 200),
        ("If-Match", "{}", 200),
        ("If-Match", '"x",{}', 200),
        ("If-Match", "*", 200),
        ("If-Match", "W/{}", 412),
        ("If-Match", '"x"', 412),
    ],
)
def test_conditions_are_heeded(client: TestClient, etag: str, header: str, value: str, status: int) -> None:
    for method in ("GET", "HEAD"):
        answer = client.request(method, "/ada/m/resolve/main/a.txt", headers={header: value.replace("{}", etag)})
        assert answer.status_code == status
        assert answer.content == b"" if method == "HEAD" or status == 304 else answer.content


def test_a_file_is_saved_under_its_own_name(client: TestClient, etag: str) -> None:
    plain = client.head("/ada/m/resolve/main/a.txt").headers["content-disposition"]
    assert plain == 'attachment; filename="a.txt"'
    other = client.head("/ada/m/resolve/main/d/gr%C3%B6%C3%9Fe.txt").headers["content-disposition"]
    assert other == "attachment; filename=\"gr??e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"


def test_the_addresses_that_older_clients_print_lead_somewhere(client: TestClient, etag: str) -> None:
    assert client.get("/ada/m/blob/main/d/gr%C3%B6%C3%9Fe.txt").content == b"x"
    assert [one["path"] for one in client.get("/ada/m/tree/main/d").json()] == ["d/größe.txt"]
    assert client.get("/ada/m/blob/none/a.txt").headers["x-error-code"] == "RevisionNotFound"


@pytest.mark.parametrize("path", ["/api/models/m", "/api/datasets/m/tree/main", "/m/resolve/main/a", "/api/spaces/a/m"])
def test_a_repository_without_an_owner_is_not_here(client: TestClient, ada: dict[str, str], path: str) -> None:
    for headers, status in (({}, 401), (ada, 404)):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["x-error-code"]) == (status, "RepoNotFound")


def test_an_unknown_endpoint_of_a_repository_is_no_missing_repository(client: TestClient, etag: str) -> None:
    assert client.get("/api/models/ada/m/none").headers["x-error-code"] == "EntryNotFound"
    assert client.get("/api/models/ada/m/like").status_code == 405


@pytest.mark.parametrize(
    ("config", "task", "library"),
    [
        (b'{"model_type": "bert", "architectures": ["BertForSequenceClassification"]}', "text-classification", True),
        (b'{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}', "text-generation", True),
        (b'{"model_type": "bert", "architectures": ["BertModel"]}', "feature-extraction", True),
        (b'{"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}', None, True),
        (b'{"model_type": "t5", "architectures": null}', None, True),
        (b'{"model_type": 5}', None, False),
        (b'{"_class_name": "Other"}', None, False),
        (b"\xff", None, False),
    ],
)
def test_a_config_says_what_the_card_does_not(
    client: TestClient, ada: dict[str, str], config: bytes, task: str | None, library: bool
) -> None:
    commit(client, ada, {"config.json": config})
    found = client.get("/api/models/ada/m").json()
    assert (found["pipeline_tag"], found["library_name"] == "transformers") == (task, library)
    assert client.get("/api/models/ada/m?expand=config").json().get("config") == (found["config"] if library else None)
    commit(client, ada, {"README.md": b"---\npipeline_tag: fill-mask\nlibrary_name: own\n---\n"})
    found = client.get("/api/models/ada/m").json()
    assert (found["pipeline_tag"], found["library_name"]) == ("fill-mask", "own")
