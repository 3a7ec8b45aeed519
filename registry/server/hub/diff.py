"""What changed between two trees, for people to read: git's unified format, as far as it is small."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping

from registry.index.trees import TreeEntry
from registry.server import files
from registry.server.services import Services

MAX_FILE_BYTES = 64 << 10  # a larger file is only named
MAX_LINES = 1500  # of a side: finding what lines have in common takes time with their product
MAX_BYTES = 512 << 10  # of a diff; what comes after is only named
MAX_SECONDS = 2.0  # likewise: lines that are alike can take difflib a third of a second a file
MAX_FILES = 300
NONE = "0" * 40


def unified(hub: Services, before: Mapping[str, TreeEntry], after: Mapping[str, TreeEntry]) -> str:
    """The differences, by path; of LFS files, and of what is large or no text, only that there are some."""
    changed = [path for path in sorted({*before, *after}) if _etag(before, path) != _etag(after, path)]
    parts: list[str] = []
    length, end = 0, time.monotonic() + MAX_SECONDS
    for path in changed[:MAX_FILES]:
        old, new = before.get(path), after.get(path)
        parts.append(_header(path, old, new))
        body = _body(hub, path, old, new) if length < MAX_BYTES and time.monotonic() < end else None
        parts.append(_binary(path, old, new) if body is None else body)
        length += len(body or "")
    if len(changed) > MAX_FILES:
        parts.append(f"# and {len(changed) - MAX_FILES:,} more files\n")
    return "".join(parts)


def _etag(tree: Mapping[str, TreeEntry], path: str) -> str | None:
    return tree[path].etag if path in tree else None


def _header(path: str, old: TreeEntry | None, new: TreeEntry | None) -> str:
    mode = "new file mode 100644\n" if old is None else "deleted file mode 100644\n" if new is None else ""
    first, second = old.etag if old else NONE, new.etag if new else NONE
    return f"diff --git a/{path} b/{path}\n{mode}index {first[:7]}..{second[:7]}\n"


def _names(path: str, old: TreeEntry | None, new: TreeEntry | None) -> tuple[str, str]:
    return f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null"


def _binary(path: str, old: TreeEntry | None, new: TreeEntry | None) -> str:
    return "Binary files {} and {} differ\n".format(*_names(path, old, new))


def _body(hub: Services, path: str, old: TreeEntry | None, new: TreeEntry | None) -> str | None:
    first, second = _lines(hub, old), _lines(hub, new)
    if first is None or second is None:
        return None
    lines = difflib.unified_diff(first, second, *_names(path, old, new), lineterm="\n")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(hub: Services, entry: TreeEntry | None) -> list[str] | None:
    """The lines of a side; None where they are not to be shown."""
    if entry is None:
        return []
    if entry.oid is None or entry.size > MAX_FILE_BYTES:
        return None
    data = files.load(hub, entry)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    ended = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    return None if "\0" in text or len(ended) > MAX_LINES else ended
