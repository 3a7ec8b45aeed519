"""``adapterhub hub user …``: the users of a Hub server. Works on its database, whether the server runs or not."""

from __future__ import annotations

from pathlib import Path

import click

from adapterhub.cli.hub_serve import author, open_index, place_options
from adapterhub.cli.output import Output, json_option, table


@click.group("user")
def user_command() -> None:
    """Users: add, list, disable, enable."""


@user_command.command("add")
@click.argument("name", metavar="USER")
@click.option("--fullname", default="", help="How people call them.")
@click.option("--email", default="", help="Shown to nobody but them, and owners of gated repositories that they ask.")
@click.option("--admin", is_flag=True, help="They may do all, everywhere.")
@place_options
@json_option
def add(
    name: str, fullname: str, email: str, admin: bool, data: Path | None, database: str, blobs: str, as_json: bool
) -> None:
    """Add a user. Their name is a namespace of its own. Give them a token with `hub token create`."""
    from registry.index.accounts import USER, Accounts

    with open_index(data, database, blobs) as index:
        accounts = Accounts(index)
        accounts.create(name, USER, author(), fullname=fullname, email=email, admin=admin)
        Output(as_json).result(accounts.find(name), f"added the user {name}{', an administrator' if admin else ''}")


@user_command.command("list")
@place_options
@json_option
def list_users(data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """All users, the disabled ones too."""
    from registry.index.accounts import USER, Accounts

    with open_index(data, database, blobs) as index:
        users = Accounts(index).list(USER)
    rows = (
        (one.name, one.fullname, "yes" if one.admin else "", f"{one.created:%Y-%m-%d}", one.disabled and "disabled")
        for one in users
    )
    Output(as_json).result({"users": users}, table(("user", "name", "administrator", "since", "state"), rows))


@user_command.command("disable")
@click.argument("name", metavar="USER|NAMESPACE")
@place_options
@json_option
def disable(name: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Refuse a user's tokens, or an organisation's roles, from now on. Nothing is removed; the name stays taken."""
    _enable(name, data, database, blobs, as_json, enabled=False)


@user_command.command("enable")
@click.argument("name", metavar="USER|NAMESPACE")
@place_options
@json_option
def enable(name: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Let a disabled account come back, with the tokens that it had."""
    _enable(name, data, database, blobs, as_json, enabled=True)


def _enable(name: str, data: Path | None, database: str, blobs: str, as_json: bool, *, enabled: bool) -> None:
    from registry.index.accounts import Accounts

    with open_index(data, database, blobs) as index:
        accounts = Accounts(index)
        accounts.enable(name, author(), enabled=enabled)
        Output(as_json).result(accounts.find(name), f"{name} is {'enabled' if enabled else 'disabled'}")
