"""How a client tells this server from other Hubs."""

from __future__ import annotations

from fastapi.testclient import TestClient

from registry.remote.endpoint import API


def test_it_answers_anyone(client: TestClient) -> None:
    for headers in ({}, {"Authorization": "Bearer ahub_wrong"}):
        answer = client.get("/api/adapterhub", headers=headers)
        assert (answer.status_code, answer.json()["api"]) == (200, API)


def test_it_is_in_the_document(client: TestClient) -> None:
    assert "/api/adapterhub" in client.get("/openapi.json").json()["paths"]
