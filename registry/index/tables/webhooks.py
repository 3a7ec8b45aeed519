"""Webhooks, and the log of what was delivered to them: rows that are due are the queue of the senders."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class WebhookRow(Table):
    """Where to tell of what happens in a namespace, or in one repository of it.

    `secret` signs what is sent (Standard Webhooks), so it is kept as it is.
    """

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    repository_id: Mapped[int | None] = mapped_column(ForeignKey("repositories.id"), index=True)
    url: Mapped[str]
    secret: Mapped[str]
    events: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime]


class DeliveryRow(Table):
    """One message to one webhook. `due` is when it is tried next, None when it was delivered or given up."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_due", "due"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"), index=True)
    message: Mapped[str] = mapped_column(String(64))  # the same in every try, so that a receiver can tell repeats
    event: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    created: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime | None]
    status: Mapped[int | None]  # HTTP status of the last try
    error: Mapped[str] = mapped_column(default="")
    delivered: Mapped[datetime | None]
