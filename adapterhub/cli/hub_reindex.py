"""``adapterhub hub reindex``: what repositories are found by, made again from their versions and cards."""

from __future__ import annotations

from pathlib import Path

import click

from adapterhub.cli.hub_serve import place, place_options
from adapterhub.cli.output import Output, json_option


@click.command("reindex")
@place_options
@json_option
def reindex_command(data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Make tags, cards and the facts that searches use again, for repair. Servers may go on meanwhile."""
    from registry.server import reindex

    count = reindex.rebuild(place(data, database, blobs))
    Output(as_json).result({"repositories": count}, f"{count} repositories are indexed again")
