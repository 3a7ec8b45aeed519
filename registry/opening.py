"""From where a registry is to the object that speaks to it, after making sure that ``registry`` means this package."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import registry
from registry.errors import NameCollision, UnsupportedRegistry
from registry.local import LocalRegistry
from registry.signing import TrustStore
from registry.store import CACHE_BYTES


def open_registry(
    location: str | Path, *, cache_bytes: int = CACHE_BYTES, trust: TrustStore | None = None
) -> LocalRegistry:
    """Open the registry in a folder, making an empty one where there is none.

    Args:
        cache_bytes: how much disk the verified folders of pulled versions may take; the least recently used give way.
        trust: whose signatures are asked for, besides what ``trust.json`` in the folder says.

    Raises:
        UnsupportedRegistry: `location` is an address, or ``hf``.
        RegistryUnavailable: the folder cannot be used.
        NameCollision: another package claims the import name ``registry`` too.
    """
    check_import_name()
    text = str(location)
    if text == "hf" or "://" in text:
        raise UnsupportedRegistry(
            f"a registry at {text} is not supported yet by this version", "Name a folder, such as ~/.adapterhub."
        )
    return LocalRegistry(Path(location), cache_bytes, trust)


def check_import_name(search_path: Iterable[str] | None = None) -> None:
    """Find another top-level ``registry`` on the import path: which one is imported would depend on its order.

    Raises:
        NameCollision: there is one.
    """
    ours = Path(registry.__file__).resolve()
    for entry in sys.path if search_path is None else search_path:
        for candidate in (Path(entry) / "registry" / "__init__.py", Path(entry) / "registry.py"):
            if candidate.is_file() and candidate.resolve() != ours and not _is_copy_of_ours(candidate):
                raise NameCollision(
                    f"two packages claim the import name registry: {ours.parent} and {candidate}",
                    "Install them in environments of their own, or remove the other one from the import path.",
                )


def _is_copy_of_ours(init: Path) -> bool:
    """Another installation of this very package, as a wheel beside a checkout."""
    return f'DISTRIBUTION = "{registry.DISTRIBUTION}"' in init.read_text(encoding="utf-8", errors="replace")
