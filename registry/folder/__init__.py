"""What an adapter folder says, read without torch: its files, adapter_config.json, safetensors header, front matter.

Reads and types; refuses to judge (that is ``registry.admit``), beyond what cannot be read at all.
"""

from __future__ import annotations

from registry.folder.card import Card, read_card
from registry.folder.config import AdapterConfig, read_config
from registry.folder.files import (
    CARD,
    CONFIG,
    MANIFEST,
    SIGNATURE,
    UNLISTED,
    UNSIGNED,
    WEIGHTS,
    check_path,
    size_cap,
    survey,
)
from registry.folder.header import Tensor, read_header

__all__ = [
    "CARD",
    "CONFIG",
    "MANIFEST",
    "SIGNATURE",
    "UNLISTED",
    "UNSIGNED",
    "WEIGHTS",
    "AdapterConfig",
    "Card",
    "Tensor",
    "check_path",
    "read_card",
    "read_config",
    "read_header",
    "size_cap",
    "survey",
]
