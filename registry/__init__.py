"""Immutable versions of adapters: publish, resolve, pull, alias, yank, revoke.

    registry = open_registry("~/.adapterhub")
    registry.publish(Path("runs/intent"), "acme/intent", "1.4.0")
    folder = registry.pull("acme/intent@^1.4")

Needs neither torch nor adapterhub. Importing it loads nothing; each name below is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.errors import RegistryError
    from registry.finding import AdapterFound, AdapterQuery
    from registry.follow import Follower
    from registry.local import LocalRegistry
    from registry.manifest import Facts, Manifest
    from registry.opening import open_registry
    from registry.protocol import AliasChange, Registry, RepositorySummary, Version, VersionFacts
    from registry.selector import Reference, parse_reference

DISTRIBUTION = "adapterhub"  # what pip calls the package that this one comes with

_HOMES = {
    "AdapterFound": "registry.finding",
    "AdapterQuery": "registry.finding",
    "AliasChange": "registry.protocol",
    "Facts": "registry.manifest",
    "Follower": "registry.follow",
    "LocalRegistry": "registry.local",
    "Manifest": "registry.manifest",
    "Reference": "registry.selector",
    "Registry": "registry.protocol",
    "RegistryError": "registry.errors",
    "RepositorySummary": "registry.protocol",
    "Version": "registry.protocol",
    "VersionFacts": "registry.protocol",
    "open_registry": "registry.opening",
    "parse_reference": "registry.selector",
}

__all__ = [
    "AdapterFound",
    "AdapterQuery",
    "AliasChange",
    "Facts",
    "Follower",
    "LocalRegistry",
    "Manifest",
    "Reference",
    "Registry",
    "RegistryError",
    "RepositorySummary",
    "Version",
    "VersionFacts",
    "open_registry",
    "parse_reference",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
