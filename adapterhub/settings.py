"""The environment variables that adapterhub reads, each in one place.

``ADAPTERHUB_HOME`` (default ``~/.adapterhub``) holds the local registry, its cache, converted bases, encoded rows and
trusted keys; ``ADAPTERHUB_REGISTRY`` (default: the home) is the registry that commands talk to; ``ADAPTERHUB_DATA`` is
the root of the data files that recipes name; ``ADAPTERHUB_KEY_PASSPHRASE`` opens a key that signs. The Hub's own
variables (``HF_TOKEN``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``) are read by ``huggingface_hub`` and never here.
"""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder of everything that adapterhub keeps on this machine; it need not exist yet."""
    return Path(os.environ.get("ADAPTERHUB_HOME") or "~/.adapterhub").expanduser()


def registry_location() -> str:
    """The registry that commands use when none is named: a folder, or the address of a Hub."""
    return os.environ.get("ADAPTERHUB_REGISTRY") or str(home())


def data_root() -> Path | None:
    """The folder that relative data files of a recipe start from, or None where it is not set."""
    value = os.environ.get("ADAPTERHUB_DATA")
    return Path(value).expanduser() if value else None


def key_passphrase() -> str | None:
    """The passphrase of keys that sign; empty means none, None that it is to be asked for."""
    return os.environ.get("ADAPTERHUB_KEY_PASSPHRASE")
