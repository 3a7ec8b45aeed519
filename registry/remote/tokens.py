"""Which token goes to which Hub: huggingface_hub's own store, without sending one Hub's token to another.

The token that huggingface_hub calls active is for its own endpoint (HF_ENDPOINT, or huggingface.co). Another Hub gets
the one that is stored under its host, which ``adapterhub login --registry`` puts there, or HF_TOKEN, which whoever sets
it means for all that the process talks to.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub import login as hub_login
from huggingface_hub.utils._auth import _save_token, get_stored_tokens  # no public way stores a token beside the active

from registry.errors import NotAuthenticated
from registry.remote.failures import LOGIN, translated


def token_for(address: str) -> str | None:
    """The token that is stored for the Hub at `address`, or that the environment names; None if there is none."""
    if address == constants.ENDPOINT.rstrip("/"):
        return get_token()
    return os.environ.get("HF_TOKEN") or get_stored_tokens().get(host(address))


def login(address: str, token: str) -> str:
    """Store a token for the Hub at `address` if that Hub knows it, and return whose it is.

    Raises:
        NotAuthenticated: it does not.
        RegistryUnavailable: it cannot be asked.
    """
    with translated(address):
        try:
            name = str(HfApi(endpoint=address).whoami(token)["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise NotAuthenticated(f"{address} does not say whose token that is", LOGIN) from error
    if address == constants.ENDPOINT.rstrip("/"):
        with translated(address):
            hub_login(token)
    else:
        _save_token(token, host(address))
    return name


def host(address: str) -> str:
    """The name under which a Hub's token is stored: its host, and its port if it has one."""
    return urlsplit(address).netloc.replace(":", "_")
