"""``adapterhub pull`` and ``adapterhub lock``: getting a version, and getting the same one everywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.output import Output, json_option, table

_file: Callable[..., Any] = click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default="adapters.lock",
    show_default=True,
    help="The lock file.",
)


@click.command("pull")
@click.argument("references", metavar="REF...", nargs=-1)
@click.option("--locked", is_flag=True, help="Pull what the lock file says; without REF, all that is in it.")
@_file
@registry_option
@json_option
def pull_command(references: Sequence[str], locked: bool, file: Path, location: str, as_json: bool) -> None:
    """Fetch a version and check every byte of it.

    The folder is plain PEFT: `PeftModel.from_pretrained(base, folder)` opens it. It is not to be written to.
    """
    from registry.lock import Lock, address_of

    if not references and not locked:
        raise click.UsageError("name what to pull: OWNER/NAME@SELECTOR", click.get_current_context())
    registry = open_registry(location)
    pulled = []
    if locked:
        lock = Lock.read(file)
        for reference in references or sorted(lock.adapters):
            pulled.append(lock.pull(reference, registry, address_of(location)))
    else:
        for reference in references:
            version = registry.resolve(reference)
            pulled.append((version, registry.pull(version)))
    documents = [{**dataclasses.asdict(version), "folder": folder} for version, folder in pulled]
    document = documents[0] if len(references) == 1 else {"versions": documents}
    Output(as_json).result(document, "\n".join(f"{version} is in {folder}" for version, folder in pulled))


@click.command("lock")
@click.argument("references", metavar="REF...", nargs=-1)
@click.option("--update", is_flag=True, help="Lock again what is locked already; without REF, all of it.")
@_file
@registry_option
@json_option
def lock_command(references: Sequence[str], update: bool, file: Path, location: str, as_json: bool) -> None:
    """Write down which content references mean now.

    What is locked already stays as it is without --update. Commit the file; `adapterhub pull --locked` obeys it.

    \b
    adapterhub lock acme/intent@production acme/ner@^1.2
    adapterhub lock --update acme/ner@^1.2
    """
    from registry.lock import Lock, address_of

    if not references and not update:
        raise click.UsageError("name what to lock: OWNER/NAME@SELECTOR", click.get_current_context())
    lock = Lock.read(file, missing_ok=bool(references))
    registry = open_registry(location)
    for reference in references or sorted(lock.adapters):
        if update or reference not in lock.adapters:
            lock = lock.locked(reference, registry, address_of(location))
    lock.write(file)
    rows = ((name, one.version, one.digest, one.registry) for name, one in sorted(lock.adapters.items()))
    Output(as_json).result({"adapters": lock.adapters}, table(("reference", "version", "digest", "registry"), rows))
