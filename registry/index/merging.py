"""Merging two trees that began as one, file by file: a pure function.

A path that one side alone changed gets what that side made of it; one that both changed in the same way, that. All
others are conflicts: the content of files is never mixed, since half of an adapter from here and half from there
would be an adapter that nobody trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from registry.index.trees import TreeEntry, above

Tree = Mapping[str, TreeEntry]


def conflicts(start: Tree, ours: Tree, theirs: Tree) -> list[str]:
    """The paths that keep the two from being merged, in order; empty where nothing does.

    Args:
        start: what both began from.
    """
    both = {
        path
        for path in {*start, *ours, *theirs}
        if not _same(start, ours, path) and not _same(start, theirs, path) and not _same(ours, theirs, path)
    }
    taken = {*_taken(start, ours, theirs), *_taken(start, theirs, ours)}
    folders = {folder for path in taken for folder in above(path)}
    return sorted(both | {path for path in taken if path in folders})  # a file where the other side made a folder


def merge(start: Tree, ours: Tree, theirs: Tree) -> dict[str, TreeEntry]:
    """Our tree with what they changed since `start`, in the order of paths; there must be no `conflicts`.

    What comes from them counts as changed by the commit that merges.
    """
    return dict(sorted(_taken(start, ours, theirs).items()))


def _taken(start: Tree, ours: Tree, theirs: Tree) -> dict[str, TreeEntry]:
    after = dict(ours)
    for path in {*start, *theirs}:
        if _same(start, theirs, path) or _same(ours, theirs, path):
            continue
        after.pop(path, None)
        if path in theirs:
            after[path] = replace(theirs[path], changed=None)
    return after


def _same(one: Tree, other: Tree, path: str) -> bool:
    first, second = one.get(path), other.get(path)
    if first is None or second is None:
        return first is second
    return (first.sha256, first.oid) == (second.sha256, second.oid)
