"""``adapterhub hub serve`` and ``hub migrate``; and the options by which every hub command finds its server's data."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub import settings
from adapterhub.cli.output import Output
from registry.errors import RegistryUnavailable

if TYPE_CHECKING:
    from registry.index import Database
    from registry.server.services import Services
    from registry.server.settings import Settings

ADMIN = "admin"
GRACE_SECONDS = 10  # in which requests may end once the server is told to; longer downloads go on at another server


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


@contextlib.contextmanager
def open_index(data: Path | None, database: str, blobs: str) -> Iterator[Database]:
    """The database by those options, as a server has made it.

    Raises:
        RegistryUnavailable: there is none, or it is of another version of this package.
    """
    where = place(data, database, blobs)
    if not database and not where.data.is_dir():
        raise RegistryUnavailable(f"no server's data is in {where.data}", "Give --data, or run `hub serve` first.")
    index = where.open_database()
    try:
        index.check()
        yield index
    finally:
        index.close()


def author() -> str:
    """How the audit log calls whoever runs a command on the server's machine; no account can have such a name."""
    return f"os:{getpass.getuser()}"


@click.command("serve")
@place_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8080, show_default=True, help="Port to listen at.")
@click.option("--private-webhooks", is_flag=True, help="Let webhooks lead to addresses in private networks.")
@click.option(
    "--limit", default="", metavar="600/minute", help="Requests of one token, or of one address without. Default: any."
)
@click.option("--limit-failures", default="60/minute", show_default=True, help="Invalid tokens from one address.")
@click.option(
    "--limit-storage",
    default="",
    envvar="ADAPTERHUB_HUB_LIMIT_STORAGE",
    metavar="redis://host:6379",
    help="Where several servers count together. Default: each in its memory.",
)
@click.option("--access-log", default="-", show_default=True, help="A file; - for stderr, or nothing for none.")
def serve_command(
    data: Path | None,
    database: str,
    blobs: str,
    host: str,
    port: int,
    limit: str,
    limit_failures: str,
    limit_storage: str,
    access_log: str,
    private_webhooks: bool,
) -> None:
    """Run the server. The first start makes an administrator, and prints their token once."""
    import uvicorn

    from registry.server.app import create_app
    from registry.server.wire.protocol import GuardedHttp

    output = Output(as_json=False)
    where = replace(
        place(data, database, blobs),
        limit=limit,
        limit_failures=limit_failures,
        limit_storage=limit_storage,
        access_log=access_log,
        private_webhooks=private_webhooks,
    )
    if not database:  # nobody else's: what is missing is made
        where.data.mkdir(parents=True, exist_ok=True)
        where.open_database().migrate()
    app = create_app(where)
    services: Services = app.state.services
    if services.accounts.first_admin(ADMIN):
        token = services.tokens.issue(ADMIN, "first", "admin", "")
        output.say(f"administrator {ADMIN}; the token is shown only now: {token}")
    output.say(f"serving {where.data} at http://{host}:{port}")
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=GuardedHttp,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


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
