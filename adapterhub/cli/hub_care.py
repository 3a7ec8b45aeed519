"""``adapterhub hub gc``, ``backup``, ``restore`` and ``check``: looking after a server's data. Servers may run on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub.cli.hub_serve import place, place_options
from adapterhub.cli.output import Output, json_option

if TYPE_CHECKING:
    from registry.index import Database
    from registry.store import Store

DAYS = click.FloatRange(min=0)


@click.command("gc")
@place_options
@click.option("--days", type=DAYS, default=1, show_default=True, help="How long what nothing names stays.")
@click.option(
    "--xorb-days", type=DAYS, default=7, show_default=True, help="How long pieces that Xet clients sent stay."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would go.")
@json_option
def gc_command(
    data: Path | None, database: str, blobs: str, days: float, xorb_days: float, dry_run: bool, as_json: bool
) -> None:
    """Take away commits that nothing names, files that no commit names, and unfinished uploads.

    What was just found to be unreachable goes the next time, when --days have passed since. Run it daily.
    """
    from registry.care import Graces, collect

    index, store = _open(data, database, blobs)
    graces = Graces(timedelta(days=days), timedelta(days=xorb_days))
    found = collect(index, store, graces, dry=dry_run).figures
    would = "would remove" if dry_run else "removed"
    text = (
        f"{would} {found.commits:,} commits, {found.repositories:,} deleted repositories, {found.objects:,} files of "
        f"{found.object_bytes:,} bytes, {found.parts:,} parts of uploads, {found.xorbs:,} xorbs of "
        f"{found.xorb_bytes:,} bytes\n"
        f"not old enough: {found.young_commits:,} commits, {found.young_blobs + found.young_objects:,} files"
    )
    Output(as_json).result({"dry_run": dry_run, **asdict(found)}, text)


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@place_options
@click.option("--prune", is_flag=True, help="Delete files in it that this backup does not need.")
@json_option
def backup_command(folder: Path, data: Path | None, database: str, blobs: str, prune: bool, as_json: bool) -> None:
    """Back everything up to FOLDER, or bring the backup there up to date. It fits any database and any store."""
    from registry.care import backup

    index, store = _open(data, database, blobs)
    made = backup(index, store, folder, prune=prune)
    rows = sum(table.rows for table in made.tables)
    text = f"{folder}: {rows:,} rows, {made.blobs:,} files of {made.blob_bytes:,} bytes"
    document = {"folder": folder, "created": made.created, "rows": rows}
    Output(as_json).result({**document, "files": made.blobs, "bytes": made.blob_bytes}, text)


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@place_options
@json_option
def restore_command(folder: Path, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Make an empty database and store what the backup in FOLDER holds. Stop the servers first."""
    from registry.care import restore

    index, store = _open(data, database, blobs)
    made = restore(folder, index, store)
    rows = sum(table.rows for table in made.tables)
    text = f"{index.name}: {rows:,} rows, {made.blobs:,} files of {made.blob_bytes:,} bytes, as of {made.created}"
    document = {"folder": folder, "created": made.created, "rows": rows}
    Output(as_json).result({**document, "files": made.blobs, "bytes": made.blob_bytes}, text)


@click.command("check")
@place_options
@click.option("--deep", is_flag=True, help="Read and hash every file.")
@json_option
def check_command(data: Path | None, database: str, blobs: str, deep: bool, as_json: bool) -> int:
    """Look whether all that the index promises is there and whole. Exit code 1 if not."""
    from registry.care import check

    index, store = _open(data, database, blobs)
    problems = list(check(index, store.blobs, deep=deep))
    lines = [f"{one.kind}: {one.where}: {one.what}" for one in problems]
    Output(as_json).result({"problems": [asdict(one) for one in problems]}, "\n".join(lines) or "all is well")
    return 1 if problems else 0


def _open(data: Path | None, database: str, blobs: str) -> tuple[Database, Store]:
    from registry.store import open_store

    where = place(data, database, blobs)
    where.data.mkdir(parents=True, exist_ok=True)
    return where.open_database(), open_store(where.blobs or str(where.data), where.data)
