"""``adapterhub hub serve`` and ``hub migrate``; and the options by which every hub command finds its server's data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub import settings
from adapterhub.cli.output import Output

if TYPE_CHECKING:
    from registry.server.settings import Settings

ADMIN = "admin"


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data``, ``--database`` and ``--blobs``, also from the environment, so that all commands agree."""
    for option in (
        click.option(
            "--blobs",
            default="",
            envvar="ADAPTERHUB_HUB_BLOBS",
            help="Where files are: s3://bucket/prefix, or another that obstore knows. Default: in --data.",
        ),
        click.option(
            "--database",
            default="",
            envvar="ADAPTERHUB_HUB_DATABASE",
            help="postgresql+psycopg://user:password@host/name. Default: SQLite in --data.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="ADAPTERHUB_HUB_DATA",
            help="The server's folder. Default: hub in ADAPTERHUB_HOME.",
        ),
    ):
        command = option(command)
    return command


def place(data: Path | None, database: str, blobs: str) -> Settings:
    """The server's settings by those options."""
    from registry.server.settings import Settings

    return Settings(data or settings.home() / "hub", database, blobs)


@click.command("serve")
@place_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8080, show_default=True, help="Port to listen at.")
@click.option("--private-webhooks", is_flag=True, help="Let webhooks lead to addresses in private networks.")
def serve_command(data: Path | None, database: str, blobs: str, host: str, port: int, private_webhooks: bool) -> None:
    """Run the server. The first start makes an administrator, and prints their token once."""
    import uvicorn

    from registry.server.app import create_app
    from registry.server.wire.protocol import GuardedHttp

    output = Output(as_json=False)
    where = replace(place(data, database, blobs), private_webhooks=private_webhooks)
    if not database:  # nobody else's: what is missing is made
        where.data.mkdir(parents=True, exist_ok=True)
        where.open_database().migrate()
    app = create_app(where)
    token = app.state.services.accounts.first_admin(ADMIN)
    if token:
        output.say(f"administrator {ADMIN}; the token is shown only now: {token}")
    output.say(f"serving {where.data} at http://{host}:{port}")
    uvicorn.run(app, host=host, port=port, http=GuardedHttp, log_level="warning", access_log=False, server_header=False)


@click.command("migrate")
@place_options
def migrate_command(data: Path | None, database: str, blobs: str) -> None:
    """Make the database's tables, or bring them up to date. Stop the servers first."""
    where = place(data, database, blobs)
    where.data.mkdir(parents=True, exist_ok=True)
    index = where.open_database()
    before = index.revision()
    index.migrate()
    Output(as_json=False).say(f"{index.name}: migration {before or 'none'} → {index.revision()}")
