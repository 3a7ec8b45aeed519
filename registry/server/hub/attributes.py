"""``.gitattributes``: which files of a repository are LFS files, and what a new repository says of it.

Its patterns are those of ``.gitignore``, which pathspec knows.
"""

from __future__ import annotations

from pathspec import GitIgnoreSpec

NAME = ".gitattributes"
MAX_REGULAR_BYTES = 10 << 20  # larger files are always LFS files
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
        self._rules: list[tuple[GitIgnoreSpec, bool]] = []
        for line in text.splitlines():
            pattern, *attributes = line.split() or [""]
            for attribute in attributes:
                if attribute.lstrip("-!").partition("=")[0] == "filter" and not pattern.startswith(("#", "!")):
                    self._rules.append((GitIgnoreSpec.from_lines([pattern]), attribute == "filter=lfs"))

    def are_lfs(self, path: str) -> bool:
        """Whether a file of this path is an LFS file; the last rule that fits decides, as in git."""
        fitting = [lfs for pattern, lfs in self._rules if pattern.match_file(path)]
        return fitting[-1] if fitting else False
