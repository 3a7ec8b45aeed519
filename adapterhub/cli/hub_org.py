"""``adapterhub hub org …``: organisations of a Hub server, and who is in them."""

from __future__ import annotations

from pathlib import Path

import click

from adapterhub.cli.hub_serve import author, open_index, place_options
from adapterhub.cli.output import Output, json_option, table

ROLES = click.Choice(["read", "write", "admin"])


@click.group("org")
def org_command() -> None:
    """Organisations and their members: add, list, member, members, remove."""


@org_command.command("add")
@click.argument("name", metavar="NAMESPACE")
@click.option("--fullname", default="", help="How people call it.")
@click.option("--owner", default="", metavar="USER", help="Its first member, with the role admin.")
@place_options
@json_option
def add(name: str, fullname: str, owner: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Add an organisation: a namespace that several users share."""
    from registry.index.accounts import ORGANISATION, Accounts

    with open_index(data, database, blobs) as index:
        accounts = Accounts(index)
        accounts.create(name, ORGANISATION, author(), fullname=fullname, owner=owner)
        Output(as_json).result(accounts.find(name), f"added the organisation {name}")


@org_command.command("list")
@place_options
@json_option
def list_organisations(data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """All organisations, the disabled ones too."""
    from registry.index.accounts import ORGANISATION, Accounts

    with open_index(data, database, blobs) as index:
        found = Accounts(index).list(ORGANISATION)
    rows = ((one.name, one.fullname, f"{one.created:%Y-%m-%d}", one.disabled and "disabled") for one in found)
    Output(as_json).result({"organisations": found}, table(("namespace", "name", "since", "state"), rows))


@org_command.command("members")
@click.argument("name", metavar="NAMESPACE")
@place_options
@json_option
def list_members(name: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Who is in an organisation."""
    from registry.index.members import Members

    with open_index(data, database, blobs) as index:
        found = [{"user": one.account.name, "role": one.role} for one in Members(index).of(name)]
    rows = ((one["user"], one["role"]) for one in found)
    Output(as_json).result({"members": found}, table(("user", "role"), rows))


@org_command.command("member")
@click.argument("name", metavar="NAMESPACE")
@click.argument("user")
@click.argument("role", type=ROLES)
@place_options
@json_option
def member(name: str, user: str, role: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Make a user a member with a role, or change the role. Each role may do what those before it may."""
    from registry.index.members import Members

    with open_index(data, database, blobs) as index:
        before = Members(index).set(name, user, role, author())
    document = {"organisation": name, "user": user, "role": role, "previous": before}
    Output(as_json).result(document, f"{user} has the role {role} in {name} (was {before or 'no member'})")


@org_command.command("remove")
@click.argument("name", metavar="NAMESPACE")
@click.argument("user")
@place_options
@json_option
def remove(name: str, user: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """End a user's membership."""
    from registry.index.members import Members

    with open_index(data, database, blobs) as index:
        Members(index).remove(name, user, author())
    Output(as_json).result(
        {"organisation": name, "user": user, "role": None}, f"{user} is no member of {name} any more"
    )
