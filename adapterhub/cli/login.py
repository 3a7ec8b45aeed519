"""``adapterhub login``: a Hub's token, kept where huggingface_hub keeps its own."""

from __future__ import annotations

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option


@click.command("login")
@click.option("--token", help="The token; asked for, without showing it, where it is not given.")
@registry_option
@json_option
def login_command(token: str | None, location: str, as_json: bool) -> None:
    """Check a Hub's token and store it for all that talk to that Hub.

    A token is only ever sent to the Hub that it was stored for. HF_TOKEN, where it is set, comes first.
    """
    from registry.lock import FOLDER, address_of
    from registry.remote.tokens import login

    address = address_of(location)
    if address == FOLDER:
        raise click.UsageError("a folder needs no login: name the Hub, --registry URL", click.get_current_context())
    name = login(address, token or click.prompt(f"Token of {address}", hide_input=True, err=True))
    Output(as_json).result({"registry": address, "name": name}, f"logged in at {address} as {name}")
