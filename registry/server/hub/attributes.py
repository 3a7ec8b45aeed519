"""``.gitattributes``: which files of a repository are LFS files, and what a new repository says of it.

Its patterns are those of ``.gitignore``, which pathspec knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import re2
from pathspec import GitIgnoreSpec

from registry.errors import InvalidReference

NAME = ".gitattributes"
MAX_REGULAR_BYTES = 10 << 20  # larger files are always LFS files
MAX_PATTERNS = 1000
PATTERNS = (
    "*.7z",
    "*.arrow",
    "*.bin",
    "*.bz2",
    "*.ckpt",
    "*.ftz",
    "*.gz",
    "*.h5",
    "*.joblib",
    "*.lfs.*",
    "*.mlmodel",
    "*.model",
    "*.msgpack",
    "*.npy",
    "*.npz",
    "*.onnx",
    "*.ot",
    "*.parquet",
    "*.pb",
    "*.pickle",
    "*.pkl",
    "*.pt",
    "*.pth",
    "*.rar",
    "*.safetensors",
    "saved_model/**/*",
    "*.tar.*",
    "*.tar",
    "*.tflite",
    "*.tgz",
    "*.wasm",
    "*.xz",
    "*.zip",
    "*.zst",
    "*tfevents*",
)
DEFAULT = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in PATTERNS).encode()


class Attributes:
    """The rules of one ``.gitattributes`` file, as far as they are about LFS."""

    def __init__(self, text: str) -> None:
        patterns: list[str] = []
        for line in text.splitlines():
            pattern, *attributes = line.split() or [""]
            for attribute in attributes:
                if attribute.lstrip("-!").partition("=")[0] == "filter" and not pattern.startswith(("#", "!")):
                    patterns.append(pattern if attribute == "filter=lfs" else f"!{pattern}")
        self._lfs = patterns_of(patterns, NAME)

    def are_lfs(self, path: str) -> bool:
        """Whether a file of this path is an LFS file; the last rule that fits decides, as in git."""
        return self._lfs.match_file(path)


def patterns_of(lines: Sequence[str], name: str) -> GitIgnoreSpec:
    """Patterns as ``.gitignore`` has them, matched in time with the length of a path.

    Strangers write them, and Python's own expressions would take longer than anybody lives for ``*a*a*a*a*a*a*b``.

    Args:
        name: of the file that they come from.

    Raises:
        InvalidReference: they are too many, or one of them is none.
    """
    if len(lines) > MAX_PATTERNS:
        raise InvalidReference(f"{name} has {len(lines):,} rules", f"Keep it under {MAX_PATTERNS:,}.")
    try:
        return GitIgnoreSpec.from_lines(lines, backend="re2")
    except (ValueError, re.error, re2.error) as error:
        raise InvalidReference(f"a rule of {name} cannot be read: {str(error)[:200]}", "Correct it.") from error
