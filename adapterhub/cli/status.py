"""``adapterhub status``: what the engines of this machine hold, as they wrote it down themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.output import Output, json_option, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.runtime.residency.record import Record

COLUMNS = ("version", "tier", "MiB", "loads", "load ms", "hits", "misses", "evictions", "in flight", "since")


@click.command("status")
@click.argument("name", required=False)
@json_option
def status_command(name: str | None, as_json: bool) -> None:
    """Show what engines hold: which versions, in which tier, how often loaded, asked for and given up.

    An engine that is given a name writes its record once a second; NAME shows one engine only.

    \b
    adapterhub status
    adapterhub status web-1 --json
    """
    import msgspec

    from adapterhub.errors import RequestError
    from adapterhub.runtime.residency import record as records

    found = [record for record in records.records() if name in (None, record.name)]
    if name is not None and not found:
        raise RequestError(
            f"no engine {name!r} has written a record in {records.folder()}",
            "Start one as Engine(…, name=…), or see all with: adapterhub status",
        )
    document: Any = [{**msgspec.to_builtins(record), "alive": record.alive} for record in found]
    output = Output(as_json)
    if not as_json:
        for record in found:
            output.say(_headline(record))
            output.say(_residents(record))
    output.result({"engines": document}, "" if found else "No engine has written a record here.")


def _headline(record: Record) -> str:
    state = f"pid {record.pid}" if record.alive else f"pid {record.pid} is gone"
    tiers = ", ".join(f"{name} {tier.versions} ({tier.nbytes / 2**20:.1f} MiB)" for name, tier in record.tiers.items())
    lines = [
        f"{record.name}: {record.base}, {state}, as of {max(0.0, time.time() - record.at):.0f} s ago",
        f"  {tiers}; {len(record.following)} names followed",
        f"  {record.waiting} rows wait for a step, {record.writing} prompts are being continued",
    ]
    for reference, swap in record.swaps.items():
        why = f": {swap.error}" if swap.error else ""
        lines.append(f"  {reference}: {swap.old or 'refused'} → {swap.new}, {swap.stage}{why}")
    return "\n".join(lines)


def _residents(record: Record) -> RenderableType:
    rows = [
        (
            one.version,
            one.stage,
            f"{one.nbytes / 2**20:.2f}",
            one.loads,
            f"{one.loaded_in * 1000:.1f}",
            one.hits,
            one.misses,
            one.evictions,
            one.in_flight,
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.since)) if one.since else "",
        )
        for one in reversed(record.resident)
    ]
    return table(COLUMNS, rows)
