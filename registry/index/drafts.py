"""What a commit would make of the head that it goes on top of: looked at, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.errors import EntryNotFound, InvalidPath, StaleParent
from registry.index import trees
from registry.index.tables import CommitParentRow, CommitRow, RefRow
from registry.index.trees import Change, TreeEntry


def plan(
    session: Session, ref: RefRow, changes: Sequence[Change], message: str, author: str, parent: str | None
) -> dict[str, TreeEntry] | None:
    """The tree that `changes` make of the ref's head; None where nothing would change.

    The commit that made the head, sent again because its answer was lost, changes nothing.

    Args:
        parent: the oid, or its first digits, that the author saw as the head; None does not compare.

    Raises:
        StaleParent: the head is another commit than `parent`.
        EntryNotFound, InvalidPath: as for ``trees.changed``.
    """
    parent = parent and parent.lower()
    if _is_made(session, ref.commit, changes, message, author, parent):
        return None
    if parent is not None and not ref.commit.startswith(parent):
        raise StaleParent(
            "The branch was updated since you opened this page. Please refresh and try again.",
            f"Its head is {ref.commit}.",
        )
    before = trees.read(session, ref.commit)
    after = trees.changed(before, changes)
    return None if after == before else after


def _is_made(
    session: Session, head: str, changes: Sequence[Change], message: str, author: str, parent: str | None
) -> bool:
    """Whether the head is what `changes` made of its only parent, by the same author in the same words.

    Clients send a commit again when its answer was lost; deleting a file twice, say, must not be an error then.
    """
    row = session.get_one(CommitRow, head)
    if (row.message, row.author) != (message, author):
        return False
    parents = session.scalars(select(CommitParentRow.parent).where(CommitParentRow.commit == head)).all()
    if len(parents) != 1 or not parents[0].startswith(parent or ""):
        return False
    try:
        after = trees.changed(trees.read(session, parents[0]), changes)
    except (EntryNotFound, InvalidPath):
        return False
    made = trees.read(session, head)
    return {path: (one.sha256, one.oid) for path, one in after.items()} == {
        path: (one.sha256, one.oid) for path, one in made.items()
    }
