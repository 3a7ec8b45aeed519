"""A namespace that takes signed versions only, from the keys that it trusts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from registry.server.services import Services
from tests.registry.signers import Signer

Headers = dict[str, str]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys") / "ada")


@pytest.fixture
def sealed(signer: Signer, tmp_path: Path) -> Path:
    return signer.seal(tmp_path / "sealed")


def push(client: TestClient, headers: Headers, folder: Path, name: str = "ada/intent") -> None:
    client.post("/api/repos/create", json={"name": name}, headers=headers)
    lines = [{"key": "header", "value": {"summary": "push"}}]
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = base64.b64encode(path.read_bytes()).decode()
            value = {"path": path.relative_to(folder).as_posix(), "content": content, "encoding": "base64"}
            lines.append({"key": "file", "value": value})
    body = "\n".join(json.dumps(line) for line in lines)
    answer = client.post(f"/api/models/{name}/commit/main", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


def tag(client: TestClient, headers: Headers, number: str, name: str = "ada/intent") -> tuple[int, str]:
    answer = client.post(f"/api/models/{name}/tag/main", json={"tag": number}, headers=headers)
    return answer.status_code, answer.text


def trust(client: TestClient, headers: Headers, signer: Signer, required: bool = True) -> str:
    body = {"name": signer.path.name, "public_pem": signer.public.pem}
    assert client.post("/api/namespaces/ada/signing/keys", json=body, headers=headers).status_code == 201
    assert client.put("/api/namespaces/ada/signing", json={"required": required}, headers=headers).status_code == 200
    return signer.public.key_id


def test_a_signed_version_is_admitted_and_an_unsigned_one_is_not(
    client: TestClient, hub: Services, ada: Headers, signer: Signer, sealed: Path, tmp_path: Path
) -> None:
    trust(client, ada, signer)
    push(client, ada, sealed)
    assert tag(client, ada, "1.0.0")[0] == 200
    unsigned = tmp_path / "unsigned"
    signer.seal(unsigned, seed=2)
    (unsigned / "manifest.sig").unlink()
    deletion = [
        {"key": "header", "value": {"summary": "x"}},
        {"key": "deletedFile", "value": {"path": "manifest.sig"}},
    ]
    client.post("/api/models/ada/intent/commit/main", content="\n".join(map(json.dumps, deletion)), headers=ada)
    push(client, ada, unsigned)
    status, text = tag(client, ada, "1.1.0")
    assert (status, "requires one" in text) == (422, True)
    assert hub.log.entries("ada/intent")[0].action == "publish-refused"


def test_a_file_that_was_changed_after_signing_is_named(
    client: TestClient, ada: Headers, signer: Signer, sealed: Path
) -> None:
    trust(client, ada, signer, required=False)
    (sealed / "README.md").write_text((sealed / "README.md").read_text() + "\nchanged")
    push(client, ada, sealed)
    status, text = tag(client, ada, "1.0.0")
    assert status == 422
    assert "README.md" in text


def test_another_key_and_a_retired_one_are_refused(
    client: TestClient, ada: Headers, signer: Signer, sealed: Path, tmp_path: Path
) -> None:
    key_id = trust(client, ada, signer)
    push(client, ada, Signer.make(tmp_path / "mallory").seal(tmp_path / "other"))
    status, text = tag(client, ada, "1.0.0")
    assert (status, "unknown key" in text) == (422, True)
    push(client, ada, sealed)
    assert client.delete(f"/api/namespaces/ada/signing/keys/{key_id}", headers=ada).status_code == 204
    status, text = tag(client, ada, "1.0.0")
    assert (status, "retired" in text) == (422, True)
    again = client.post(
        "/api/namespaces/ada/signing/keys", json={"name": "x", "public_pem": signer.public.pem}, headers=ada
    )
    assert again.status_code == 422
    listed = client.get("/api/namespaces/ada/signing").json()
    assert (listed["required"], listed["keys"][0]["retired"] is None) == (True, False)


def test_only_its_administrators_say_whom_a_namespace_trusts(
    client: TestClient, ada: Headers, bob: Headers, signer: Signer
) -> None:
    body = {"name": "bob", "public_pem": signer.public.pem}
    assert client.post("/api/namespaces/ada/signing/keys", json=body, headers=bob).status_code == 403
    assert client.put("/api/namespaces/ada/signing", json={"required": False}).status_code == 401
    bad = client.post("/api/namespaces/ada/signing/keys", json={"name": "x", "public_pem": "nonsense"}, headers=ada)
    assert bad.status_code == 422
    assert client.delete("/api/namespaces/ada/signing/keys/none", headers=ada).status_code == 404
