"""Adapters in a repository of a server that runs in the test's own process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from registry.index.repositories import Repository
from registry.index.trees import Change, Delete, Put
from registry.server import files
from registry.server.services import Services
from tests.registry.folders import BASE, front_matter, write_adapter

CARD = front_matter(
    base_model=BASE, pipeline_tag="text-classification", license="mit", labels=["card", "loan", "other"]
)


def commit(
    hub: Services, repository: Repository, content: Mapping[str, bytes | None], to: str = "main", author: str = "ada"
) -> str:
    """Commit files; None removes one."""
    changes: list[Change] = [
        Delete(path) if data is None else Put(files.store_bytes(hub, data, path)) for path, data in content.items()
    ]
    files.grant(hub, repository, [change.entry for change in changes if isinstance(change, Put)])
    return hub.history.commit(repository, to, changes, "change", author)


def adapter(folder: Path, seed: int = 0) -> dict[str, bytes]:
    """The files of an adapter that can be admitted; `seed` decides the numbers in its weights."""
    written = write_adapter(folder / f"adapter{seed}", seed=seed, card=CARD)
    return {path.name: path.read_bytes() for path in written.iterdir()}


def adapter_repository(hub: Services, folder: Path, name: str = "ada/intent", *, private: bool = False) -> Repository:
    """A repository whose main branch holds an adapter."""
    made = hub.repositories.create(name, "model", private=private, author="ada")
    commit(hub, made, adapter(folder))
    return made
