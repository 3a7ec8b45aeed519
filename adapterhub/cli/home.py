"""What commands take from this machine: the registry to talk to, and whom its user trusts to sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adapterhub import settings

if TYPE_CHECKING:
    from registry import LocalRegistry


def open_registry() -> LocalRegistry:
    """The registry that commands talk to, under the trust of this machine's user, wherever it lies.

    Raises:
        RegistryError: it cannot be opened, or the file of trusted keys is not valid.
    """
    import registry
    from registry.signing import TrustStore

    return registry.open_registry(settings.registry_location(), trust=TrustStore.read(trust_file()))


def trust_file() -> Path:
    """Whom this machine's user trusts to sign."""
    from registry.signing import TRUST_FILE

    return settings.home() / TRUST_FILE
