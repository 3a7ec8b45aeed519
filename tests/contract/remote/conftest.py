"""What tests of the client's side share: a process that is online, registries with caches of their own, adapters."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from registry import Registry, Version, open_registry
from registry.remote import endpoint
from tests.registry.folders import FACTS, write_adapter
from tests.support.front import Front, front
from tests.support.hub import HubServer, running


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, server: HubServer) -> Iterator[None]:
    """huggingface_hub as it is without HF_HUB_OFFLINE, which it read when it was imported; the server's token."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(endpoint, "_known", {})
    monkeypatch.setenv("HF_TOKEN", server.token)
    yield
    close_session()


@pytest.fixture
def name() -> str:
    """A repository that no other test has."""
    return f"admin/{uuid.uuid4().hex}"


@pytest.fixture
def hub(server: HubServer, online: None) -> Iterator[Front]:
    """The server as it is, and what is asked of it."""
    with front(server.url) as made:
        yield made


@pytest.fixture
def stock(server: HubServer, online: None) -> Iterator[Front]:
    """The server without what other Hubs do not have."""
    with front(server.url, stock=True) as made:
        yield made


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Registry]:
    """Opens the registry at a front, with the cache of that name."""
    return lambda at, cache="cache", **options: open_registry(at.url, cache=tmp_path / cache, **options)


@pytest.fixture
def publish(tmp_path: Path, name: str) -> Callable[..., Version]:
    """Publishes a small adapter; `seed` decides what is in it."""

    def publish(registry: Registry, version: str, seed: int = 0) -> Version:
        return registry.publish(write_adapter(tmp_path / f"adapter-{seed}", seed=seed), name, version, facts=FACTS)

    return publish


@pytest.fixture
def private_hub(tmp_path: Path) -> Iterator[HubServer]:
    """A server whose webhooks may lead to this machine."""
    with running(tmp_path / "private", options=["--private-webhooks"]) as made:
        yield made
