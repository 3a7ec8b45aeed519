"""Conditions that a request makes on what it asks for, by entity tags: RFC 9110 section 13.1.

Those by date are not known here: no answer says when a file changed, so none can be meant.
"""

from __future__ import annotations

ANY = "*"


def is_wanted(if_match: str | None, etag: str) -> bool:
    """Whether ``If-Match`` lets this representation pass; a weak tag never does."""
    return if_match is None or if_match.strip() == ANY or etag in _tags(if_match)


def names(if_none_match: str, etag: str) -> bool:
    """Whether ``If-None-Match`` names this representation; weak tags, which proxies that compress make, do as well."""
    return if_none_match.strip() == ANY or etag in {tag.removeprefix("W/") for tag in _tags(if_none_match)}


def _tags(header: str) -> set[str]:
    """The tags of a list; none of ours has a comma in it."""
    return {tag.strip() for tag in header.split(",")}
