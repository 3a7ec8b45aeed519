"""``adapterhub hub token …``: the tokens by which users of a Hub server are known to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from adapterhub.cli.hub_serve import author, open_index, place_options
from adapterhub.cli.moments import Ahead
from adapterhub.cli.output import Output, json_option, table


@click.group("token")
def token_command() -> None:
    """Tokens: create, list, revoke."""


@token_command.command("create")
@click.argument("user")
@click.argument("name")
@click.option("--right", type=click.Choice(["read", "write", "admin"]), default="read", show_default=True)
@click.option("--namespace", help="The only one that it is for. Others' public repositories can be read with it too.")
@click.option("--expires", type=Ahead(), metavar="30d|12h|2026-12-31", help="When it ends. Default: never.")
@place_options
@json_option
def create(
    user: str,
    name: str,
    right: str,
    namespace: str | None,
    expires: datetime | None,
    data: Path | None,
    database: str,
    blobs: str,
    as_json: bool,
) -> None:
    """Make a token and print it on stdout: once, since only its hash is kept.

    What it allows is the least of its right and of its user's role.
    """
    from registry.index.tokens import Tokens

    with open_index(data, database, blobs) as index:
        text = Tokens(index).issue(user, name, right, author(), namespace=namespace, expires=expires)
    document = {"token": text, "user": user, "name": name, "right": right, "namespace": namespace, "expires": expires}
    Output(as_json).result(document, f"the token {name!r} of {user}, shown only now:")
    if not as_json:
        click.echo(text)


@token_command.command("list")
@click.argument("user", required=False)
@place_options
@json_option
def list_tokens(user: str | None, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """All tokens, or a user's, without their text."""
    from registry.index.tokens import Token, Tokens

    def state(one: Token) -> str:
        if one.revoked:
            return "revoked"
        return "expired" if one.expires and one.expires <= datetime.now(UTC) else "good"

    with open_index(data, database, blobs) as index:
        found = Tokens(index).list(user)
    rows = (
        (one.id, one.user, one.name, one.right, one.namespace, one.expires and f"{one.expires:%Y-%m-%d}", state(one))
        for one in found
    )
    columns = ("id", "user", "name", "right", "namespace", "expires", "state")
    Output(as_json).result({"tokens": found}, table(columns, rows))


@token_command.command("revoke")
@click.argument("user")
@click.argument("token", metavar="NAME|ID")
@place_options
@json_option
def revoke(user: str, token: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Refuse a token from now on."""
    from registry.index.tokens import Tokens

    with open_index(data, database, blobs) as index:
        Tokens(index).revoke(user, token, author())
    Output(as_json).result({"user": user, "revoked": token}, f"the token {token!r} of {user} is revoked")
