"""Which names branches and tags can have: git's rules, and the few more that keep one text from meaning two things.

The rules are those of ``git check-ref-format``; its numbers are in the comments.
"""

from __future__ import annotations

import re

from registry.errors import InvalidReference

MAX_NAME = 256  # characters, as the column has
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")  # 3, 4, 5, 8, 10
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")


def check_ref_name(name: str) -> str:
    """Return `name` if a branch or tag can have it.

    Raises:
        InvalidReference: it cannot.
    """
    parts = name.split("/")
    malformed = (
        not name
        or len(name) > MAX_NAME
        or not name.isprintable()
        or bool(_FORBIDDEN.search(name))
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)  # 1, 6
        or name.endswith(".")  # 7
        or name.startswith("-")  # git's own commands refuse it
        or name == "@"  # 9
    )
    ambiguous = name == "HEAD" or name.startswith("refs/") or bool(_COMMIT.fullmatch(name))
    if malformed or ambiguous:
        raise InvalidReference(
            f"{name[:100]!r} is not a valid name of a branch or tag",
            "Use what git allows: no blanks, no .. and none of ~^:?*[\\; nor HEAD, refs/… or what reads as a commit.",
        )
    return name
