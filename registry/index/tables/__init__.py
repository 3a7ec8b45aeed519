"""The tables: one schema for a folder (SQLite) and for a server (SQLite or PostgreSQL), from the first commit on.

Whatever is added here is also added in ``registry.index.migrations``; a test holds the two together.
"""

from __future__ import annotations

from registry.index.tables.accounts import AccountRow, KeyRow, MembershipRow, TokenRow
from registry.index.tables.base import Meta, RevisionRow, Table
from registry.index.tables.discussions import DiscussionEventRow, DiscussionRow
from registry.index.tables.facts import AdapterRow, MetricRow, TagRow
from registry.index.tables.history import (
    BlobRow,
    CommitParentRow,
    CommitRow,
    RefRow,
    TreeEntryRow,
    UploadRow,
)
from registry.index.tables.repositories import AccessRow, FormerNameRow, LikeRow, NamePartRow, RepositoryRow
from registry.index.tables.versions import AliasChangeRow, AuditRow, VersionRow
from registry.index.tables.webhooks import DeliveryRow, WebhookRow

__all__ = [
    "AccessRow",
    "AccountRow",
    "AdapterRow",
    "AliasChangeRow",
    "AuditRow",
    "BlobRow",
    "CommitParentRow",
    "CommitRow",
    "DeliveryRow",
    "DiscussionEventRow",
    "DiscussionRow",
    "FormerNameRow",
    "KeyRow",
    "LikeRow",
    "MembershipRow",
    "Meta",
    "MetricRow",
    "NamePartRow",
    "RefRow",
    "RepositoryRow",
    "RevisionRow",
    "Table",
    "TagRow",
    "TokenRow",
    "TreeEntryRow",
    "UploadRow",
    "VersionRow",
    "WebhookRow",
]
