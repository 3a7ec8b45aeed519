"""The files of a commit as values, and what a change does to them: pure functions, and one query.

Knows no refs: which commit a change goes on top of is ``history``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from registry.errors import EntryNotFound, InvalidPath
from registry.index.tables import Table, TreeEntryRow

ENTRIES = Table.metadata.tables[TreeEntryRow.__tablename__]  # into which thousands of rows go twice as fast
MAX_PATH = 512  # characters, as the column has
MAX_DEPTH = 64  # folders in each other; a listing looks at every one of each file


@dataclass(frozen=True)
class TreeEntry:
    """One file.

    Attributes:
        oid: sha1 that git gives it as a blob; None for what the Hub calls an LFS file.
        changed: the commit that gave the path these bytes; None before the commit that does has an oid.
    """

    path: str
    size: int
    sha256: str
    oid: str | None = None
    changed: str | None = None

    @property
    def etag(self) -> str:
        """What names these bytes in the caches of Hub clients."""
        return self.oid or self.sha256


@dataclass(frozen=True)
class Put:
    """Add a file, or replace it."""

    entry: TreeEntry


@dataclass(frozen=True)
class Delete:
    """Remove a file, or a folder with all that is in it."""

    path: str
    folder: bool = False


Change = Put | Delete

TREE = (
    select(TreeEntryRow.path, TreeEntryRow.size, TreeEntryRow.sha256, TreeEntryRow.oid, TreeEntryRow.changed)
    .where(TreeEntryRow.commit == bindparam("commit"))
    .order_by(TreeEntryRow.path)
)
ENTRY = TREE.where(TreeEntryRow.path == bindparam("path"))


def read(session: Session, commit: str) -> dict[str, TreeEntry]:
    """All files of a commit, by path, in the order of their paths."""
    found = session.execute(TREE, {"commit": commit})
    return {row.path: TreeEntry(row.path, row.size, row.sha256, row.oid, row.changed or commit) for row in found}


def entry(session: Session, commit: str, path: str) -> TreeEntry | None:
    """One file of a commit, if it is there."""
    row = session.execute(ENTRY, {"commit": commit, "path": path}).first()
    return row and TreeEntry(row.path, row.size, row.sha256, row.oid, row.changed or commit)


def write(session: Session, commit: str, entries: Sequence[TreeEntry]) -> None:
    """Store the tree of a new commit."""
    if entries:
        columns = ("path", "size", "sha256", "oid", "changed")
        session.execute(
            insert(ENTRIES),
            [{"commit": commit, **{name: getattr(one, name) for name in columns}} for one in entries],
        )


def changed(tree: Mapping[str, TreeEntry], changes: Sequence[Change]) -> dict[str, TreeEntry]:
    """The tree after `changes`, applied in their order. Files that get the bytes they have stay as they are.

    Raises:
        EntryNotFound: what is to be deleted is not there.
        InvalidPath: a path is no path inside a repository, or is both a file and a folder.
    """
    after = dict(tree)
    for change in changes:
        if isinstance(change, Delete):
            _delete(after, change)
            continue
        fresh = change.entry
        check_path(fresh.path)
        known = after.get(fresh.path)
        if known is None or (known.sha256, known.oid) != (fresh.sha256, fresh.oid):
            after[fresh.path] = replace(fresh, changed=None)
    _check_folders(after)
    return dict(sorted(after.items()))


def _delete(tree: dict[str, TreeEntry], change: Delete) -> None:
    """Take a path out of a tree; only a folder's is compared with all others."""
    if change.path in tree and not change.folder:
        del tree[change.path]
        return
    gone = [path for path in tree if path.startswith(change.path.rstrip("/") + "/")]
    if not gone:
        raise EntryNotFound(f"{change.path}: A file with this name doesn't exist", "See the list of files.")
    for path in gone:
        del tree[path]


def check_path(path: str) -> str:
    """Return `path` if it can be the path of a file in a repository.

    Raises:
        InvalidPath: it is absolute, leaves the repository, reaches into .git, or holds what paths do not hold.
    """
    parts = path.split("/")
    control = any(ord(letter) < 32 or ord(letter) == 127 for letter in path)
    if (
        not path
        or len(path) > MAX_PATH
        or len(parts) > MAX_DEPTH
        or control
        or "\\" in path
        or not path.isprintable()
        or any(part in ("", ".", "..") or part.lower() == ".git" or part != part.strip() for part in parts)
    ):
        raise InvalidPath(
            f"{path[:100]!r} cannot be the path of a file",
            "Use a relative path of printable characters without backslash, .., .git or blanks at an end of a name, "
            f"{MAX_PATH} of them and {MAX_DEPTH} folders deep at most.",
        )
    return path


def above(path: str) -> list[str]:
    """The folders that a path is in, the outermost first."""
    steps = path.split("/")
    return ["/".join(steps[:depth]) for depth in range(1, len(steps))]


def _check_folders(tree: Mapping[str, TreeEntry]) -> None:
    for path in tree:
        for folder in above(path):
            if folder in tree:
                raise InvalidPath(
                    f"{folder} is a file, so {path} cannot be in it", "Delete the file in the same commit."
                )
