"""Listings and searches over HTTP: filters, pages, what is seen by whom, and texts that nobody should send."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient

from registry.index.versions import Content
from registry.manifest import FileEntry, Manifest
from registry.server.services import Services

Headers = Mapping[str, str]


def make(client: TestClient, name: str, headers: Headers, card: str = "", *, private: bool = False) -> None:
    owner, _, short = name.partition("/")
    body = {"name": short, "organization": owner, "visibility": "private" if private else "public"}
    assert client.post("/api/repos/create", json=body, headers=headers).status_code == 200
    if card:
        commit(client, name, headers, {"README.md": f"---\n{card}\n---\n# A model\n"})


def commit(client: TestClient, name: str, headers: Headers, files: Mapping[str, str]) -> None:
    lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": "files"}}]
    for path, text in files.items():
        content = base64.b64encode(text.encode()).decode()
        lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
    sent = client.post(
        f"/api/models/{name}/commit/main", content="\n".join(json.dumps(line) for line in lines), headers=headers
    )
    assert sent.status_code == 200, sent.text


def publish(hub: Services, name: str, number: str = "1.0.0", **changes: Any) -> None:
    """Make the head of main a version, as admission does, of a manifest that says `changes`."""
    head = hub.history.revision(hub.repositories.find(name), "main").commit
    document = {
        "schema_version": 1,
        "task": {"name": "text-classification"},
        "method": {"kind": "lora", "rank": 8},
        "base": {"id": "acme/base", "fingerprint": "sha256:" + "a" * 64},
        "head": {"kind": "sequence-classification", "labels": ["card", "loan"]},
        "licence": "mit",
        "languages": ["en"],
        "metrics": {"after": {"f1": {"value": 0.9}}},
        "files": [{"path": "adapter_config.json", "size": 2, "sha256": hashlib.sha256(name.encode()).hexdigest()}],
        **changes,
    }
    manifest = Manifest.from_document(document)
    hub.versions.admit(name, number, head, Content(manifest, False, list[FileEntry]()), "ada")


def ids(client: TestClient, query: str = "", headers: Headers | None = None) -> list[str]:
    answer = client.get(f"/api/models?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


def found(client: TestClient, query: str = "", headers: Headers | None = None) -> list[str]:
    answer = client.get(f"/api/adapters?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["repository"] for one in answer.json()["adapters"]]


def test_cards_are_filtered_by(client: TestClient, ada: Headers) -> None:
    make(client, "ada/One", ada, "license: mit\ntags: [Bank]\npipeline_tag: text-classification\nlibrary_name: peft")
    make(client, "ada/two", ada, "license: mit\nbase_model: Acme/Base\nlanguage: [en, de]")
    make(client, "ada/three", ada)
    assert set(ids(client, "filter=license:mit")) == {"ada/One", "ada/two"}
    assert ids(client, "filter=license:mit&filter=bank") == ["ada/One"]
    assert ids(client, "pipeline_tag=text-classification&library=peft") == ["ada/One"]
    assert ids(client, "filter=base_model:acme/BASE&filter=de") == ["ada/two"]
    assert ids(client, "search=DA/ON") == ["ada/One"]
    assert ids(client, "author=bob") == []
    assert len(ids(client, "author=Ada")) == 3
    assert client.get("/api/datasets").json() == []
    commit(client, "ada/two", ada, {"README.md": "---\nlicense: apache-2.0\n---\n"})
    assert ids(client, "filter=license:mit") == ["ada/One"]


def test_a_listing_says_what_is_asked(client: TestClient, ada: Headers) -> None:
    make(client, "ada/one", ada, "license: mit\ntags: [Bank]")
    short = client.get("/api/models").json()[0]
    assert short["tags"] == ["Bank", "license:mit"]
    assert {"siblings", "sha", "cardData"} & set(short) == set()
    full = client.get("/api/models?full=true&cardData=true").json()[0]
    assert [one["rfilename"] for one in full["siblings"]] == [".gitattributes", "README.md"]
    assert full["cardData"] == {"license": "mit", "tags": ["Bank"]}
    assert len(full["sha"]) == 40
    some = client.get("/api/models?expand=downloads&expand=sha").json()[0]
    assert set(some) == {"_id", "id", "modelId", "downloads", "sha"}
    assert client.get("/api/models/ada/one").json()["tags"] == ["Bank", "license:mit"]


def test_pages_are_followed_to_the_end(client: TestClient, ada: Headers) -> None:
    names = [f"ada/model-{number}" for number in range(7)]
    for name in names:
        make(client, name, ada, "tags: [x]")
    for sort in ("lastModified", "createdAt", "downloads", "likes", "trendingScore"):
        following: str | None = f"/api/models?filter=x&limit=3&sort={sort}"
        seen: list[str] = []
        while following:
            answer = client.get(following)
            seen += [one["id"] for one in answer.json()]
            following = answer.links.get("next", {}).get("url")
        assert seen == names[::-1], sort


def test_private_repositories_are_found_by_those_who_see_them(
    client: TestClient, hub: Services, ada: Headers, bob: Headers
) -> None:
    make(client, "ada/secret", ada, "license: mit", private=True)
    publish(hub, "ada/secret")
    for headers, expected in ((None, []), (bob, []), (ada, ["ada/secret"])):
        assert ids(client, "search=secret", headers) == expected
        assert ids(client, "filter=license:mit", headers) == expected
        assert found(client, "base=acme/base", headers) == expected
    assert client.get("/api/models-tags-by-type").json() == {}


def test_adapters_are_found_by_their_newest_version(client: TestClient, hub: Services, ada: Headers) -> None:
    for name, value, fingerprint in (("ada/one", 0.9, "a"), ("ada/two", 0.7, "b"), ("ada/three", 0.8, "")):
        make(client, name, ada, f"license: mit\n# {name}")
        base = {"id": "acme/base", "fingerprint": f"sha256:{fingerprint * 64}" if fingerprint else None}
        publish(hub, name, base=base, metrics={"after": {"f1": {"value": value}}})
    assert found(client, "metric=f1&sort=metric") == ["ada/one", "ada/three", "ada/two"]
    assert found(client, "metric=f1&min_value=0.8&sort=metric") == ["ada/one", "ada/three"]
    assert found(client, "metric=accuracy") == []
    assert found(client, f"fingerprint=sha256:{'a' * 64}") == ["ada/one"]
    assert set(found(client, f"base=acme/base&fingerprint=sha256:{'a' * 64}&unverified=1")) == {"ada/one", "ada/three"}
    assert found(client, "label=Card&label=loan&min_rank=8&max_rank=8&search=TWO") == ["ada/two"]
    assert found(client, "min_rank=9") == found(client, "label=card&label=x") == found(client, "language=de") == []
    hub.versions.withdraw("ada/one", "1.0.0", "yanked", "wrong")
    assert found(client, "status=yanked") == ["ada/one"]
    assert "ada/one" not in found(client)
    (one,) = client.get("/api/adapters?search=two").json()["adapters"]
    assert (one["version"], one["metrics"], one["labels"], one["rank"]) == ("1.0.0", {"f1": 0.7}, ["card", "loan"], 8)


def test_cursors_go_on_and_none_is_trusted(client: TestClient, hub: Services, ada: Headers) -> None:
    for number in range(3):
        make(client, f"ada/m{number}", ada, f"# {number}\nlicense: mit")
        publish(hub, f"ada/m{number}")
    first = client.get("/api/adapters?limit=2").json()
    second = client.get("/api/adapters", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [len(first["adapters"]), len(second["adapters"]), second["cursor"]] == [2, 1, None]
    forged = [
        json.dumps(one) for one in (["lastModified", "x", 1], ["lastModified", 5, 1], [], ["downloads", 1, 1 << 70])
    ]
    texts = [
        "x",
        "!!",
        "é",
        "\0",
        "A" * 5000,
        first["cursor"][:-3],
        *(base64.b64encode(one.encode()).decode() for one in forged),
    ]
    for text in texts:
        for path in ("/api/adapters", "/api/models"):
            assert client.get(path, params={"cursor": text}).status_code in (400, 422), text
    assert client.get("/api/adapters", params={"cursor": first["cursor"], "sort": "likes"}).status_code == 400


STRANGE = [
    "'",
    '"; DROP TABLE repositories; --',
    "%",
    "_",
    "\\",
    "\0",
    "x" * 5000,
    "\u202e",
    "{}",
    "nan",
    "-1",
    "1e999",
    "' OR 1=1",
]
MODELS = [
    "search",
    "author",
    "filter",
    "pipeline_tag",
    "library",
    "tags",
    "gated",
    "sort",
    "limit",
    "full",
    "expand",
    "cursor",
]
MODELS += ["config", "cardData", "apps", "num_parameters"]
ADAPTERS = ["search", "author", "base", "fingerprint", "unverified", "task", "method", "min_rank", "max_rank", "label"]
ADAPTERS += ["language", "licence", "metric", "min_value", "status", "sort", "limit", "cursor"]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts_find_nothing_or_are_refused(client: TestClient, hub: Services, ada: Headers, text: str) -> None:
    make(client, "ada/one", ada, "license: mit")
    publish(hub, "ada/one")
    for path, names in (("/api/models", MODELS), ("/api/datasets", MODELS), ("/api/adapters", ADAPTERS)):
        for name in names:
            more = {"metric": "f1"} if name == "min_value" else {}
            status = client.get(path, params={name: text, **more}).status_code
            assert status in (200, 400, 422), (path, name)
    assert ids(client, "search=%25") == ids(client, "search=_x") == []
    assert ids(client) == ["ada/one"]


def test_filters_that_are_not_known_are_refused(client: TestClient) -> None:
    for query in ("sort=name", "num_parameters=min:6B", "inference=warm", "limit=0", "&".join(["filter=x"] * 60)):
        assert client.get(f"/api/models?{query}").status_code in (400, 422), query


def test_known_tags_by_type(client: TestClient, ada: Headers) -> None:
    make(client, "ada/one", ada, "license: mit\ntags: [bank]\nlanguage: en\npipeline_tag: text-classification")
    kinds = client.get("/api/models-tags-by-type").json()
    assert {"id": "license:mit", "label": "mit", "type": "license"} in kinds["license"]
    assert {"id": "bank", "label": "bank", "type": "other"} in kinds["other"]
    assert client.get("/api/datasets-tags-by-type").json() == {}


def test_the_search_is_in_the_openapi_document(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/api/adapters"]["get"]
    assert {"base", "fingerprint", "label", "min_value", "cursor"} <= {one["name"] for one in operation["parameters"]}
    assert document["components"]["schemas"]["AdaptersOut"]["examples"][0]["adapters"][0]["repository"] == "acme/intent"
