"""What a push does on the server, without HTTP: files by their path, committed on a branch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from registry.care import Graces
from registry.index import commits, history, rows, trees
from registry.index.repositories import Repository
from registry.index.trees import Delete, Put
from registry.server import files
from registry.server.services import Services
from registry.store import Store

NO_GRACE = Graces(timedelta(0), timedelta(0))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def store_of(hub: Services) -> Store:
    return Store(hub.store, hub.staging, hub.scratch)


def create(hub: Services, name: str = "ada/one", kind: str = "model") -> Repository:
    return hub.repositories.create(name, kind, private=False, author="ada")


def push(hub: Services, repository: Repository, added: Mapping[str, bytes], gone: str = "") -> str:
    """Returns the commit."""
    puts = [Put(files.store_bytes(hub, data, path)) for path, data in added.items()]
    files.grant(hub, repository, [put.entry for put in puts])
    changes = [*puts, *([Delete(gone)] if gone else [])]
    return hub.history.commit(repository, "main", changes, "a push", "ada")


def squash(hub: Services, repository: Repository) -> str:
    """Make one commit without parents of what the main branch holds."""
    with hub.database.write() as session:
        row = rows.repository(session, repository.name, repository.kind)
        head = history.find(session, row.id, "main").commit
        commit = commits.write(session, row, list(trees.read(session, head).values()), [], "squashed", "ada")
        commits.point(session, row, rows.BRANCH, "main", commit)
        return commit


def content(hub: Services, repository: Repository, revision: str = "main") -> dict[str, bytes]:
    """All files of a revision."""
    tree = hub.history.tree(hub.history.revision(repository, revision).commit)
    return {path: b"".join(hub.store.read(one.sha256, 0, one.size)) for path, one in tree.items()}
