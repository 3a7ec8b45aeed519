"""``adapterhub hub …``: running a Hub server, and looking after it."""

from __future__ import annotations

import click

from adapterhub.cli.lazy import LazyGroup

# Command -> module of adapterhub.cli that defines it.
COMMANDS = {
    "serve": "hub_serve",
    "migrate": "hub_serve",
    "user": "hub_user",
    "org": "hub_org",
    "token": "hub_token",
    "key": "hub_key",
    "audit": "hub_audit",
    "reindex": "hub_reindex",
    "gc": "hub_care",
    "backup": "hub_care",
    "restore": "hub_care",
    "check": "hub_care",
}


@click.group("hub", cls=LazyGroup, modules=COMMANDS)
def hub_command() -> None:
    """Run a Hub server that Hugging Face clients speak to, and look after it."""
