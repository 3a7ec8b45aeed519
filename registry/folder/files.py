"""Which files a version may hold, by name and size, and which of them lie in a folder. Never opens one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.errors import AdmissionRefused

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLED_WEIGHTS = "adapter_model.bin"
CARD = "README.md"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
UNSIGNED = frozenset({SIGNATURE, ".gitattributes"})
"""Files of a version that its signature does not cover: itself, and what says how a Hub keeps the others."""

UNLISTED = UNSIGNED | {MANIFEST}
"""Files of a version that its manifest does not list."""

MIB = 1 << 20
_FIGURE = re.compile(r"figures/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\.png")
_CAPS: Mapping[str, int] = {
    CONFIG: MIB,
    WEIGHTS: 4096 * MIB,
    CARD: 4 * MIB,
    "LICENSE": MIB,
    MANIFEST: 4 * MIB,
    SIGNATURE: MIB,
    ".gitattributes": MIB,
    "tokenizer.json": 64 * MIB,
    "tokenizer_config.json": 4 * MIB,
    "special_tokens_map.json": MIB,
    "added_tokens.json": 4 * MIB,
    "chat_template.jinja": MIB,
}
_FIGURE_CAP = 8 * MIB
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")


@dataclass(frozen=True)
class Survey:
    """What lies in a folder: files that a version may hold, by their path in it, and everything else."""

    files: Mapping[str, Path]
    left_out: tuple[str, ...]


def size_cap(path: str) -> int | None:
    """Bytes that a file of this path may have at most; None where no version may hold such a file."""
    return _FIGURE_CAP if _FIGURE.fullmatch(path) and ".." not in path else _CAPS.get(path)


def check_path(path: str) -> str:
    """Return `path` if a version may hold a file of it.

    Raises:
        AdmissionRefused: it leads elsewhere, or is not on the list of allowed files.
    """
    parts = path.split("/")  # an absolute path starts with an empty one
    if re.search(r"[\\\0]|^[A-Za-z]:", path) or {"", ".", ".."} & set(parts):
        raise AdmissionRefused(
            f"{path!r} is not a path inside the folder",
            "Paths are relative, with / between names, without . and .. in them.",
        )
    if size_cap(path) is None:
        kind = "may hold code that runs when it is read" if path.endswith(_PICKLES) else "is not a file of an adapter"
        raise AdmissionRefused(
            f"{path}: {kind}; no version may hold it",
            "Allowed: "
            + ", ".join(sorted(_CAPS))
            + ", figures/*.png. `adapterhub publish` leaves everything else out.",
        )
    return path


def survey(folder: Path) -> Survey:
    """Sort what lies in `folder` (a run folder's ``adapter/``, if it is one) into what is published and what is not.

    Raises:
        AdmissionRefused: there is no adapter, its weights are pickled, or a file of it is a link.
    """
    root = folder / "adapter" if (folder / "adapter" / CONFIG).is_file() else folder
    files: dict[str, Path] = {}
    left_out = []
    for path in sorted(_walk(root)):
        place = path.relative_to(root).as_posix()
        if size_cap(place) is None:
            left_out.append(place)
        elif path.is_symlink() or path.parent.is_symlink():
            raise AdmissionRefused(
                f"{place} is a link", f"Publish a folder of plain files: cp -rL {root} COPY, then publish COPY."
            )
        else:
            files[place] = path
    if CONFIG not in files:
        raise AdmissionRefused(
            f"{folder} holds no {CONFIG}",
            "Name a folder that peft's save_pretrained wrote, or a run folder with adapter/.",
        )
    if WEIGHTS not in files:
        raise AdmissionRefused(*_without_weights(root, left_out))
    return Survey(files, tuple(left_out))


def _walk(root: Path) -> list[Path]:
    """Every file below `root`, links to folders included as they are, unfollowed."""
    found = []
    for directory, folders, names in os.walk(root):
        found += [Path(directory, name) for name in names]
        found += [Path(directory, name) for name in folders if Path(directory, name).is_symlink()]
    return found


def _without_weights(root: Path, left_out: list[str]) -> tuple[str, str]:
    if PICKLED_WEIGHTS in left_out:
        return (
            f"{PICKLED_WEIGHTS}: pickled weights may hold code that runs when they are read; no version may hold them",
            "Convert them where you trust them: load with peft, save_pretrained(folder, safe_serialization=True).",
        )
    return f"{root} holds no {WEIGHTS}", "Save the adapter with peft's save_pretrained, as safetensors."
