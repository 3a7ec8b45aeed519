"""One frozen backbone, thousands of small task adapters. What an app imports: `Backbone` and `Engine`.

Both are fetched on first use, so that ``import adapterhub`` costs nothing and loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import registry

if TYPE_CHECKING:
    from adapterhub.backbone import Backbone
    from adapterhub.runtime.engine import Engine

if getattr(registry, "DISTRIBUTION", None) != "adapterhub":  # another package of that name was found first
    raise ImportError(
        f"adapterhub needs its own package registry, and {registry.__file__} is another of that name; "
        "uninstall that one, or use an environment of its own"
    )

__all__ = ["Backbone", "Engine"]

_HOMES = {"Backbone": "adapterhub.backbone", "Engine": "adapterhub.runtime.engine"}


def __getattr__(name: str) -> Any:
    """Import the module that defines `name`."""
    if name not in _HOMES:
        raise AttributeError(f"module 'adapterhub' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
