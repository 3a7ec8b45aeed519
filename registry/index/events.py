"""The one place where a change of refs, versions and aliases becomes known, inside the transaction that makes it.

Today it is a line in the audit log, which is what followers read. Whoever must tell others too (a queue of webhooks)
adds to `note` before that line, since writing it takes a lock that is held to the end of the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.index import rows
from registry.index.tables import RepositoryRow


@dataclass(frozen=True)
class Event:
    """What happened to a part of a repository.

    Attributes:
        action: the verb: publish, alias, yank, revoke, takedown, branch-create, branch-delete, tag-create,
            tag-delete, squash.
        subject: the version's number, or the name of the alias, branch or tag.
        detail: a digest, a commit, a move (``1.0.0 → 1.1.0``) or a reason.
        author: who did it; empty without a server.
    """

    action: str
    subject: str
    detail: str
    author: str = ""


def note(session: Session, row: RepositoryRow, event: Event) -> None:
    """Make an event known; the last thing that a transaction does."""
    rows.audit(session, event.action, row.name, event.subject, event.detail, event.author)
