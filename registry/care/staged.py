"""Pieces of uploads that are long over, finished or not.

Xet clients remember for each address of a server (its CAS) which xorbs it has, and do not send those again. So before
any goes the server gets another address, and clients begin anew; and so once more afterwards, for those who sent a xorb
again just before it went. Who was in the middle of an upload may be told that a xorb is missing; the upload, begun
again, asks for the address again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from registry.care.figures import Figures
from registry.index import Database, meta
from registry.store import Staging, Stored

PARTS, XORBS = "uploads", "xorbs"


def sweep(
    database: Database, staging: Staging, parts: datetime, xorbs: datetime, figures: Figures, *, dry: bool
) -> None:
    """Delete parts of LFS uploads, and xorbs, that came before those moments."""
    old = _older(staging, PARTS, parts)
    figures.parts, figures.part_bytes = len(old), sum(one.size for one in old)
    _delete(staging, [] if dry else old)
    old = _older(staging, XORBS, xorbs)
    figures.xorbs, figures.xorb_bytes = len(old), sum(one.size for one in old)
    if old and not dry:
        meta.renew(database, meta.CAS_INSTANCE)
        _delete(staging, old)
        meta.renew(database, meta.CAS_INSTANCE)


def _older(staging: Staging, prefix: str, cutoff: datetime) -> Sequence[Stored]:
    return [one for one in staging.list(prefix) if one.modified <= cutoff]


def _delete(staging: Staging, some: Sequence[Stored]) -> None:
    for one in some:
        staging.delete(one.key)
