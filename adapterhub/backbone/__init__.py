"""The frozen base model: where its files are, what it is (fingerprint), and the one copy that stays on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapterhub.backbone.layout import Layout
from adapterhub.backbone.source import BaseIdentity, BaseSource, locate

if TYPE_CHECKING:
    from adapterhub.backbone.backbone import Backbone

__all__ = ["Backbone", "BaseIdentity", "BaseSource", "Layout", "locate"]


def __getattr__(name: str) -> Any:
    """``Backbone`` on first use: it brings torch and transformers, which naming a base does not need."""
    if name == "Backbone":
        from adapterhub.backbone.backbone import Backbone

        return Backbone
    raise AttributeError(name)
