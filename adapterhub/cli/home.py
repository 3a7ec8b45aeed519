"""What commands take from this machine: the registry to talk to, and whom its user trusts to sign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub import settings

if TYPE_CHECKING:
    from registry import Registry

registry_option: Callable[..., Any] = click.option(
    "--registry",
    "location",
    metavar="URL|hf|DIR",
    default=settings.registry_location,
    help="The registry to talk to: a Hub's address, hf, or a folder. Default: ADAPTERHUB_REGISTRY, or the home.",
)


def open_registry(location: str) -> Registry:
    """The registry at a location, under the trust of this machine's user; what is pulled from Hubs is in the home.

    Raises:
        RegistryError: it cannot be opened, or the file of trusted keys is not valid.
    """
    import registry
    from registry.signing import TrustStore

    return registry.open_registry(location, cache=settings.home() / "cache", trust=TrustStore.read(trust_file()))


def trust_file() -> Path:
    """Whom this machine's user trusts to sign."""
    from registry.signing import TRUST_FILE

    return settings.home() / TRUST_FILE
