"""What a garbage collection took away, and what it would have but for the grace: figures that add up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Figures:
    """Counts, and bytes.

    Attributes:
        repositories: deleted ones without versions, with all that is known of them.
        blobs: files that nothing names any more, whose rows went.
        objects: files that went from the store; more than `blobs` where unfinished uploads left some.
        object_bytes: of those.
        parts: pieces of LFS uploads that were not finished.
        xorbs: pieces of Xet uploads, finished or not.
        deliveries: messages to webhooks, delivered or given up.
        young_commits: as unreachable, but not for long enough.
        young_blobs: as unneeded, but not for long enough.
        young_objects: nobody's yet, but not for long enough.
    """

    repositories: int = 0
    commits: int = 0
    blobs: int = 0
    objects: int = 0
    object_bytes: int = 0
    parts: int = 0
    part_bytes: int = 0
    xorbs: int = 0
    xorb_bytes: int = 0
    deliveries: int = 0
    young_commits: int = 0
    young_blobs: int = 0
    young_objects: int = 0
