"""What a database knows of itself, made once and shared by all processes of its servers."""

from __future__ import annotations

import secrets

from registry.index import rows
from registry.index.database import Database
from registry.index.tables import Meta

SECRET, CAS_INSTANCE = "secret", "cas_instance"


def fact(database: Database, key: str) -> str:
    """The value of `key`: 32 random bytes in base64 where nobody asked before."""
    with database.read() as session:
        found = session.get(Meta, key)
    if found is None:
        with database.write() as session:
            rows.insert_new(session, Meta, key=key, value=secrets.token_urlsafe(32))
            found = session.get_one(Meta, key)
    return found.value


def renew(database: Database, key: str) -> str:
    """Give `key` another random value."""
    value = secrets.token_urlsafe(32)
    with database.write() as session:
        rows.insert_new(session, Meta, key=key, value=value)
        session.get_one(Meta, key).value = value
    return value
