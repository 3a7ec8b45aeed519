"""``adapterhub alias``: move a name that apps follow."""

from __future__ import annotations

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.output import Output, json_option, table


@click.command("alias")
@click.argument("repository", metavar="OWNER/NAME")
@click.argument("name", metavar="ALIAS")
@click.argument("version", required=False)
@click.option("--expect", metavar="VERSION|none", help="What the alias names now; `none`: there is no such alias yet.")
@click.option("--history", is_flag=True, help="Show where the alias has pointed.")
@registry_option
@json_option
def alias_command(
    repository: str, name: str, version: str | None, expect: str | None, history: bool, location: str, as_json: bool
) -> None:
    """Point an alias at a version, or roll it back.

    It moves only if it still points where you expect.

    \b
    adapterhub alias acme/intent production 1.4.0 --expect 1.3.2
    adapterhub alias acme/intent production 1.0.0 --expect none
    adapterhub alias acme/intent production --history
    """
    if history == (version is not None):
        raise click.UsageError("give either VERSION with --expect, or --history", click.get_current_context())
    if version is not None and expect is None:
        raise click.UsageError("--expect is missing: what the alias names now, or none", click.get_current_context())
    registry = open_registry(location)
    if version is None:
        changes = registry.alias_history(repository, name)
        rows = ((f"{one.at:%Y-%m-%d %H:%M:%S}", one.previous or "none", one.version) for one in changes)
        Output(as_json).result({"history": changes}, table(("when (UTC)", "from", "to"), rows))
        return
    change = registry.alias(repository, name, version, expect=None if expect == "none" else expect)
    Output(as_json).result(change, f"{repository}@{name} is now {change.version} (was {change.previous or 'none'})")
