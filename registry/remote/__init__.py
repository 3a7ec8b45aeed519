"""A registry on a Hub: huggingface.co, our own server, or any other that speaks the Hub's protocol.

The one package here that imports huggingface_hub, and with it the only HTTP client of the registry's client side.
"""

from __future__ import annotations

from registry.remote.endpoint import Endpoint
from registry.remote.remote import RemoteRegistry

__all__ = ["Endpoint", "RemoteRegistry"]
