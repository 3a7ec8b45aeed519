"""Discussions and pull requests as talk: their numbers, titles, statuses, and the events of each.

The two share their numbers, 1, 2, 3 … in a repository, without gaps. What a pull request does to branches is
``pulls``'; who may do what is the server's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.errors import DiscussionNotFound, TooLarge, WrongStatus
from registry.index import rows
from registry.index.database import Database
from registry.index.repositories import Repository
from registry.index.tables import DiscussionEventRow, DiscussionRow, RepositoryRow

DRAFT, OPEN, CLOSED, MERGED = "draft", "open", "closed", "merged"
COMMENT, STATUS, COMMIT, TITLE = "comment", "status-change", "commit", "title-change"
MAX_EVENTS = 2000  # of a discussion, from which on it takes no comments: all are read at once
MAX_TEXTS = 20  # of a comment: what it said before its last edits is forgotten from there on


@dataclass(frozen=True)
class Discussion:
    """One as it is now. `base`, `start` and `merged` are those of a pull request; see ``DiscussionRow``."""

    number: int
    title: str
    author: str
    status: str
    base: str | None
    start: str | None
    merged: str | None
    created: datetime

    @property
    def is_pull_request(self) -> bool:
        """Whether it asks to change a branch."""
        return self.base is not None

    @classmethod
    def of(cls, row: DiscussionRow) -> Discussion:
        """The value of a row."""
        return cls(row.number, row.title, row.author, row.status, row.base, row.start, row.merged, row.created)


@dataclass(frozen=True)
class Event:
    """Something that happened in a discussion. What `data` holds depends on `kind`; see ``DiscussionEventRow``."""

    id: int
    kind: str
    author: str
    created: datetime
    data: Mapping[str, Any]

    @classmethod
    def of(cls, row: DiscussionEventRow) -> Event:
        """The value of a row."""
        return cls(row.id, row.kind, row.author, row.created, row.data)


class Discussions:
    """The discussions and pull requests of all repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        repository: Repository,
        start: int,
        limit: int,
        *,
        statuses: Collection[str] = (),
        pull_requests: bool | None = None,
        author: str | None = None,
    ) -> tuple[int, Sequence[Discussion]]:
        """How many there are of that kind, and those from `start` on, the newest first.

        Args:
            statuses: only those; empty for all.
            pull_requests: only these, or only others; None for both.
        """
        wanted = [DiscussionRow.repository_id == repository.id]
        if statuses:
            wanted.append(DiscussionRow.status.in_(statuses))
        if pull_requests is not None:
            wanted.append(DiscussionRow.base.is_not(None) if pull_requests else DiscussionRow.base.is_(None))
        if author is not None:
            wanted.append(func.lower(DiscussionRow.author) == author.lower())
        query = select(DiscussionRow).where(*wanted).order_by(DiscussionRow.number.desc())
        with self._database.read() as session:
            count = session.scalar(select(func.count()).select_from(DiscussionRow).where(*wanted)) or 0
            return count, [Discussion.of(row) for row in session.scalars(query.offset(start).limit(limit))]

    def find(self, repository: Repository, number: int) -> Discussion:
        """The one of that number.

        Raises:
            DiscussionNotFound: there is none.
        """
        with self._database.read() as session:
            return Discussion.of(find(session, repository.id, number))

    def events(self, repository: Repository, number: int) -> Sequence[Event]:
        """All that happened in it, in order.

        Raises:
            DiscussionNotFound: there is none of that number.
        """
        with self._database.read() as session:
            row = find(session, repository.id, number)
            query = select(DiscussionEventRow).where(DiscussionEventRow.discussion_id == row.id)
            return [Event.of(one) for one in session.scalars(query.order_by(DiscussionEventRow.id))]

    def open(self, repository: Repository, title: str, text: str, author: str) -> Discussion:
        """Begin a discussion with a first comment."""
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            opened = add(session, row, title, author, OPEN)
            add_comment(session, opened, text, author)
            rows.audit(session, "discussion-open", row.name, str(opened.number), "", author)
            return Discussion.of(opened)

    def comment(self, repository: Repository, number: int, text: str, author: str) -> Event:
        """Add a comment.

        Raises:
            DiscussionNotFound: there is none of that number.
            TooLarge: so much happened in it that it takes no more.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            event = add_comment(session, find(session, row.id, number), text, author)
            rows.audit(session, "discussion-comment", row.name, str(number), "", author)
            return Event.of(event)

    def edit(self, repository: Repository, number: int, event: int, text: str, author: str) -> Event:
        """Let a comment say something else; what it said stays in its history.

        Raises:
            DiscussionNotFound: there is no such comment.
            WrongStatus: it is hidden.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            found = _comment(session, find(session, row.id, number), event)
            if found.data["hidden"]:
                raise WrongStatus("the comment is hidden", "Write a new one.")
            texts = [*found.data["texts"], _text(text, author)]
            found.data = {**found.data, "texts": texts[-MAX_TEXTS:]}
            session.flush()
            rows.audit(session, "discussion-edit", row.name, str(number), "", author)
            return Event.of(found)

    def hide(self, repository: Repository, number: int, event: int, author: str) -> Event:
        """Forget what a comment said, for good.

        Raises:
            DiscussionNotFound: there is no such comment.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            found = _comment(session, find(session, row.id, number), event)
            found.data = {"hidden": True, "texts": [_text("", author)]}
            session.flush()
            rows.audit(session, "discussion-hide", row.name, str(number), found.author, author)
            return Event.of(found)

    def rename(self, repository: Repository, number: int, title: str, author: str) -> Event:
        """Give it another title.

        Raises:
            DiscussionNotFound: there is none of that number.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            found = find(session, row.id, number)
            event = add_event(session, found, TITLE, author, {"from": found.title, "to": title})
            found.title = title
            session.flush()
            rows.audit(session, "discussion-rename", row.name, str(number), "", author)
            return Event.of(event)

    def set_status(self, repository: Repository, number: int, status: str, author: str, text: str = "") -> Event:
        """Open it, close it, or make an open pull request a draft again; `text` is a comment on that.

        Raises:
            DiscussionNotFound: there is none of that number.
            WrongStatus: it was merged, has that status, or is a discussion that would become a draft.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            found = find(session, row.id, number)
            if found.status in (MERGED, status):
                hint = "Open another one for more changes." if found.status == MERGED else "Nothing is left to do."
                raise WrongStatus(f"#{number} is {found.status} already", hint)
            if status == DRAFT and found.base is None:
                raise WrongStatus(f"#{number} is no pull request, so it cannot be a draft", "Open or close it.")
            if text:
                add_comment(session, found, text, author)
            event = change_status(session, found, status, author)
            rows.audit(session, f"discussion-{status}", row.name, str(number), "", author)
            return Event.of(event)


def find(session: Session, repository_id: int, number: int) -> DiscussionRow:
    """The row of that number.

    Raises:
        DiscussionNotFound: there is none.
    """
    query = select(DiscussionRow).where(DiscussionRow.repository_id == repository_id, DiscussionRow.number == number)
    found = session.scalar(query)
    if found is None:
        raise DiscussionNotFound(f"there is no discussion or pull request #{number}", "See the list of them.")
    return found


def add(
    session: Session,
    repository: RepositoryRow,
    title: str,
    author: str,
    status: str,
    base: str | None = None,
    start: str | None = None,
) -> DiscussionRow:
    """A new discussion or pull request under the next number; the repository's row must be locked."""
    query = select(func.max(DiscussionRow.number)).where(DiscussionRow.repository_id == repository.id)
    values = {"title": title, "author": author, "status": status, "base": base, "start": start}
    number = (session.scalar(query) or 0) + 1
    row = DiscussionRow(repository_id=repository.id, number=number, created=datetime.now(UTC), **values)
    session.add(row)
    session.flush()
    return row


def add_event(
    session: Session, discussion: DiscussionRow, kind: str, author: str, data: dict[str, Any]
) -> DiscussionEventRow:
    """Note that something happened."""
    values = {"kind": kind, "author": author, "data": data}
    row = DiscussionEventRow(discussion_id=discussion.id, created=datetime.now(UTC), **values)
    session.add(row)
    session.flush()
    return row


def add_comment(session: Session, discussion: DiscussionRow, text: str, author: str) -> DiscussionEventRow:
    """Add a comment; see `Discussions.comment`."""
    query = select(func.count()).where(DiscussionEventRow.discussion_id == discussion.id)
    if (session.scalar(query) or 0) >= MAX_EVENTS:
        raise TooLarge(f"#{discussion.number} holds {MAX_EVENTS:,} events", "Open another discussion.")
    return add_event(session, discussion, COMMENT, author, {"hidden": False, "texts": [_text(text, author)]})


def change_status(session: Session, discussion: DiscussionRow, status: str, author: str) -> DiscussionEventRow:
    """Give it another status."""
    discussion.status = status
    return add_event(session, discussion, STATUS, author, {"status": status})


def _comment(session: Session, discussion: DiscussionRow, event: int) -> DiscussionEventRow:
    found = session.get(DiscussionEventRow, event)
    if found is None or found.discussion_id != discussion.id or found.kind != COMMENT:
        raise DiscussionNotFound(f"there is no such comment in #{discussion.number}", "See the list of its events.")
    return found


def _text(text: str, author: str) -> dict[str, str]:
    return {"text": text, "author": author, "time": datetime.now(UTC).isoformat()}
