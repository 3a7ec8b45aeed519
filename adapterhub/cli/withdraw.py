"""``adapterhub yank`` and ``adapterhub revoke``: two strengths of taking a version back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.output import Output, json_option

_reason: Callable[..., Any] = click.option(
    "--reason", required=True, help="Why; shown to everyone who meets the version."
)


@click.command("yank")
@click.argument("reference", metavar="OWNER/NAME@VERSION")
@_reason
@registry_option
@json_option
def yank_command(reference: str, reason: str, location: str, as_json: bool) -> None:
    """Hide a version from ranges and from `latest`.

    Exact pins still resolve, with a warning.
    """
    version = open_registry(location).yank(reference, reason)
    Output(as_json).result(version, f"{version} is yanked; exact pins still resolve")


@click.command("revoke")
@click.argument("reference", metavar="OWNER/NAME@VERSION")
@_reason
@registry_option
@json_option
def revoke_command(reference: str, reason: str, location: str, as_json: bool) -> None:
    """Refuse a version everywhere from now on.

    Running engines obey within one polling interval.
    """
    version = open_registry(location).revoke(reference, reason)
    Output(as_json).result(version, f"{version} is revoked")
