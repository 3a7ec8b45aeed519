"""Webhooks and the messages that are due to them.

A message is written in the transaction of the change that it tells of, so that none is lost and none is sent of what
did not happen. Whoever sends it claims it for a while first; one that dies leaves it to the others. So a message can
arrive twice, with the same id.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from registry.errors import NotFound, RepositoryNotFound
from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AccountRow, DeliveryRow, RepositoryRow, WebhookRow

CLAIM = timedelta(seconds=60)  # longer than a try may take
# After how long each further try comes; Standard Webhooks 1.0, "Deliverability and reliability".
RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))


@dataclass(frozen=True)
class Webhook:
    """Where to tell of what happens in a namespace, or in one repository of it (`repository`, else None)."""

    id: int
    namespace: str
    repository: str | None
    url: str
    events: Sequence[str]
    active: bool
    created: datetime


@dataclass(frozen=True)
class Delivery:
    """One message, and how far its delivery is. `due` is None when it was delivered or given up."""

    id: int
    webhook: int
    message: str
    event: str
    created: datetime
    attempts: int
    due: datetime | None
    status: int | None
    error: str
    delivered: datetime | None


@dataclass(frozen=True)
class Claim:
    """A message to send now: to where, and signed with what."""

    id: int
    message: str
    url: str
    secret: str
    payload: Mapping[str, Any]
    attempts: int


class Webhooks:
    """All webhooks of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, namespace: str, repository: str | None, url: str, events: Sequence[str], author: str
    ) -> tuple[Webhook, str]:
        """Make a webhook; returns it and the secret that its messages are signed with, which is not shown again.

        Raises:
            NotFound: there is no such namespace.
            RepositoryNotFound: it has no such repository.
        """
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        with self._database.write() as session:
            account = _account(session, namespace)
            about = _repository_of(session, account, repository) if repository else None
            row = WebhookRow(
                account_id=account.id,
                repository_id=about.id if about else None,
                url=url,
                secret=secret,
                events=list(events),
                active=True,
                created=datetime.now(UTC),
            )
            session.add(row)
            session.flush()
            rows.audit(session, "webhook-add", repository or "", namespace, f"{row.id}: {url}", author)
            return _webhook(row, account.name, about.name if about else None), secret

    def of(self, namespace: str) -> list[Webhook]:
        """The webhooks of a namespace, the oldest first."""
        query = (
            select(WebhookRow, AccountRow.name, RepositoryRow.name)
            .join(AccountRow, AccountRow.id == WebhookRow.account_id)
            .outerjoin(RepositoryRow, RepositoryRow.id == WebhookRow.repository_id)
            .where(AccountRow.key == namespace.lower())
        )
        with self._database.read() as session:
            return [_webhook(*found) for found in session.execute(query.order_by(WebhookRow.id))]

    def remove(self, namespace: str, number: int, author: str) -> None:
        """Remove a webhook with its log.

        Raises:
            NotFound: the namespace has none of that number.
        """
        with self._database.write() as session:
            row = _own(session, namespace, number)
            session.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == row.id))
            session.delete(row)
            session.flush()
            rows.audit(session, "webhook-remove", "", namespace, f"{number}: {row.url}", author)

    def deliveries(self, namespace: str, number: int, limit: int, before: int | None = None) -> list[Delivery]:
        """The log of a webhook, the newest first, from before the entry `before` on.

        Raises:
            NotFound: the namespace has none of that number.
        """
        with self._database.read() as session:
            row = _own(session, namespace, number)
            query = select(DeliveryRow).where(DeliveryRow.webhook_id == row.id)
            query = query.where(DeliveryRow.id < before) if before is not None else query
            return [_delivery(one) for one in session.scalars(query.order_by(DeliveryRow.id.desc()).limit(limit))]

    def forget(self, before: datetime) -> int:
        """Remove from the logs what was delivered or given up and is older; returns how many messages that were."""
        with self._database.write() as session:
            over = delete(DeliveryRow).where(DeliveryRow.due.is_(None), DeliveryRow.created < before)
            gone: Any = session.execute(over)
            return int(gone.rowcount)

    def claim(self, limit: int) -> list[Claim]:
        """Take messages that are due, for `CLAIM`; nobody else gets them meanwhile."""
        now = datetime.now(UTC)
        due = select(DeliveryRow).where(DeliveryRow.due <= now).order_by(DeliveryRow.due).limit(limit)
        with self._database.read() as session:  # most often there is none, and that must not wait for a writer
            if session.scalar(select(DeliveryRow.id).where(DeliveryRow.due <= now).limit(1)) is None:
                return []
        with self._database.write() as session:
            claims = []
            for row in session.scalars(due.with_for_update(skip_locked=True)):
                hook = session.get_one(WebhookRow, row.webhook_id)
                row.due, row.attempts = now + CLAIM, row.attempts + 1
                claims.append(Claim(row.id, row.message, hook.url, hook.secret, row.payload, row.attempts))
            return claims

    def settle(self, claim: Claim, status: int | None, error: str = "") -> None:
        """Note how a try went.

        Args:
            status: HTTP status of the answer; None without one. 410 ends the webhook, as Standard Webhooks asks for.
        """
        with self._database.write() as session:
            row = session.get(DeliveryRow, claim.id)
            if row is None:  # its webhook was removed meanwhile
                return
            now = datetime.now(UTC)
            row.status, row.error = status, error[:500]
            if status is not None and 200 <= status < 300:
                row.delivered, row.due = now, None
            elif status == 410 or claim.attempts > len(RETRIES):
                row.due = None
            else:
                row.due = now + RETRIES[claim.attempts - 1]
            if status == 410:
                session.get_one(WebhookRow, row.webhook_id).active = False


def enqueue(session: Session, row: RepositoryRow, event: str, data: Mapping[str, Any]) -> None:
    """Inside the transaction of a change: let every webhook that wants to know of it be told."""
    now = datetime.now(UTC)
    query = (
        select(WebhookRow)
        .join(AccountRow, AccountRow.id == WebhookRow.account_id)
        .where(
            AccountRow.key == row.namespace,
            WebhookRow.active,
            or_(WebhookRow.repository_id.is_(None), WebhookRow.repository_id == row.id),
        )
    )
    for hook in session.scalars(query):
        if event in hook.events:
            payload = {"type": event, "timestamp": now.isoformat(), "data": {"repository": row.name, **data}}
            message = f"msg_{uuid.uuid4().hex}"
            session.add(
                DeliveryRow(
                    webhook_id=hook.id, message=message, event=event, payload=payload, created=now, attempts=0, due=now
                )
            )


def _account(session: Session, namespace: str) -> AccountRow:
    account = session.scalar(select(AccountRow).where(AccountRow.key == namespace.lower()))
    if account is None:
        raise NotFound(f"there is no user or organisation {namespace}", "Check the name.")
    return account


def _repository_of(session: Session, account: AccountRow, name: str) -> RepositoryRow:
    """A repository of the namespace; whether another namespace has one of that name is not told."""
    try:
        found = rows.repository(session, name)
    except RepositoryNotFound:
        found = None
    if found is None or found.namespace != account.key:
        raise RepositoryNotFound(f"{name} is not in {account.name}", "Name a repository of this namespace.")
    return found


def _own(session: Session, namespace: str, number: int) -> WebhookRow:
    row = session.get(WebhookRow, number)
    if row is None or row.account_id != _account(session, namespace).id:
        raise NotFound(f"{namespace} has no webhook {number}", "See the list of its webhooks.")
    return row


def _webhook(row: WebhookRow, namespace: str, repository: str | None) -> Webhook:
    return Webhook(row.id, namespace, repository, row.url, row.events, row.active, row.created)


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        row.id,
        row.webhook_id,
        row.message,
        row.event,
        row.created,
        row.attempts,
        row.due,
        row.status,
        row.error,
        row.delivered,
    )
