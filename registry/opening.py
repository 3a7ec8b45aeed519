"""From where a registry is to the object that speaks to it, after making sure that ``registry`` means this package."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import overload

import registry
from registry.errors import NameCollision, UnsupportedRegistry
from registry.local import LocalRegistry
from registry.protocol import Registry
from registry.signing import TrustStore
from registry.store import CACHE_BYTES

HUB = "hf"
ADDRESSES = ("https://", "http://")


@overload
def open_registry(location: Path, *, cache_bytes: int = ..., trust: TrustStore | None = ...) -> LocalRegistry: ...
@overload
def open_registry(
    location: str | Path,
    *,
    cache_bytes: int = ...,
    cache: Path | None = ...,
    token: str | None = ...,
    trust: TrustStore | None = ...,
) -> Registry: ...


def open_registry(
    location: str | Path,
    *,
    cache_bytes: int = CACHE_BYTES,
    cache: Path | None = None,
    token: str | None = None,
    trust: TrustStore | None = None,
) -> Registry:
    """Open the registry in a folder, making an empty one where there is none, or the one on a Hub.

    Args:
        location: a folder; the address of a Hub, as ``https://hub.example.org``; or ``hf``, which is HF_ENDPOINT, and
            https://huggingface.co where that is not set.
        cache_bytes: how much disk the verified folders of pulled versions may take; the least recently used give way.
        cache: of a Hub: the folder of what was pulled, ``ADAPTERHUB_HOME/cache`` by default.
        token: of a Hub: instead of the one that `registry.remote.tokens` finds.
        trust: whose signatures are asked for, besides what ``trust.json`` in a folder says.

    Raises:
        UnsupportedRegistry: `location` is an address of another kind, or huggingface_hub is not installed.
        RegistryUnavailable: the folder cannot be used. A Hub is not asked yet.
        NameCollision: another package claims the import name ``registry`` too.
    """
    check_import_name()
    text = str(location)
    if text == HUB or text.startswith(ADDRESSES):
        return _open_hub(text, token, cache or _home() / "cache", cache_bytes, trust)
    if "://" in text:
        raise UnsupportedRegistry(
            f"a registry at {text} is not supported", "Name a folder, or an address that starts with https://."
        )
    return LocalRegistry(Path(location), cache_bytes, trust)


def is_hub(location: str | Path) -> bool:
    """Whether a location means a Hub, and not a folder."""
    return str(location) == HUB or "://" in str(location)


def _open_hub(location: str, token: str | None, cache: Path, cache_bytes: int, trust: TrustStore | None) -> Registry:
    try:
        from registry.remote import Endpoint, RemoteRegistry  # only who talks to a Hub needs huggingface_hub
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("huggingface_hub", "httpx2"):
            raise
        raise UnsupportedRegistry(
            f"the registry at {location} needs huggingface_hub, which is not installed", "pip install huggingface_hub"
        ) from error
    return RemoteRegistry(Endpoint(None if location == HUB else location, token), cache, cache_bytes, trust)


def _home() -> Path:
    return Path(os.environ.get("ADAPTERHUB_HOME") or "~/.adapterhub")


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
