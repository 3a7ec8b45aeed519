"""``adapterhub hub audit``: who changed what on a Hub server."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from adapterhub.cli.hub_serve import open_index, place_options
from adapterhub.cli.moments import Ago
from adapterhub.cli.output import Output, json_option, table


@click.command("audit")
@click.option("--repository", metavar="OWNER/NAME", help="Of this repository only.")
@click.option("--since", type=Ago(), metavar="7d|12h|2026-01-31", help="From this moment on.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="At most so many.")
@place_options
@json_option
def audit_command(
    repository: str | None,
    since: datetime | None,
    limit: int,
    data: Path | None,
    database: str,
    blobs: str,
    as_json: bool,
) -> None:
    """Every change and every refusal, the newest first. Who acted as `os:name` did so on the server's machine."""
    from registry.index import Log

    with open_index(data, database, blobs) as index:
        found = Log(index).entries(repository, since=since, limit=limit)
    rows = (
        (f"{one.at:%Y-%m-%d %H:%M:%S}", one.actor, one.action, one.repository, one.subject, one.detail) for one in found
    )
    columns = ("when (UTC)", "who", "what", "repository", "subject", "detail")
    Output(as_json).result({"entries": found}, table(columns, rows))
