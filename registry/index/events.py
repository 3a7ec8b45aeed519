"""The one place where a change of refs, versions and aliases becomes known, inside the transaction that makes it.

It becomes a message to the webhooks that asked for it, and a line in the audit log, which is what followers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from registry.index import rows, webhooks
from registry.index.tables import RepositoryRow

TOLD = {
    "publish": "version.published",
    "yank": "version.yanked",
    "revoke": "version.revoked",
    "takedown": "version.revoked",
    "alias": "alias.moved",
}
"""Of which actions webhooks are told, and as which events."""


@dataclass(frozen=True)
class Event:
    """What happened to a part of a repository.

    Attributes:
        action: the verb: publish, alias, yank, revoke, takedown, branch-create, branch-delete, tag-create,
            tag-delete, squash.
        subject: the version's number, or the name of the alias, branch or tag.
        detail: a digest, a commit, a move (``1.0.0 → 1.1.0``) or a reason.
        author: who did it; empty without a server.
        data: what webhooks are told beside the repository.
    """

    action: str
    subject: str
    detail: str
    author: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def note(session: Session, row: RepositoryRow, event: Event) -> None:
    """Make an event known; the last thing that a transaction does, as the audit log's lock is held to its end."""
    if event.action in TOLD:
        webhooks.enqueue(session, row, TOLD[event.action], event.data)
        session.flush()
    rows.audit(session, event.action, row.name, event.subject, event.detail, event.author)
