"""``adapterhub search``: adapters by base, task, method, labels and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.output import Output, json_option, table

if TYPE_CHECKING:
    from registry.finding import AdapterFound

SORTS = ("lastModified", "createdAt", "downloads", "likes", "metric")


@click.command("search")
@click.argument("words", required=False, metavar="[WORDS]")
@click.option("--author", help="Only of this namespace.")
@click.option("--base", help="Only adapters of this base (Hub id).")
@click.option("--fingerprint", help="Only adapters proven to fit the base with these weights (sha256:…).")
@click.option("--unverified", is_flag=True, help="With --fingerprint: also adapters whose base nobody compared.")
@click.option("--task", help="Only adapters for this task (the Hub's pipeline tag).")
@click.option("--method", help="Only adapters of this method: lora, ia3, prefix-tuning, prompt-tuning, head.")
@click.option("--min-rank", type=click.IntRange(0), help="The least rank.")
@click.option("--max-rank", type=click.IntRange(0), help="The greatest rank.")
@click.option("--label", "labels", multiple=True, help="A label that the adapter must know; repeat it for more.")
@click.option("--language", help="A language of the adapter.")
@click.option("--licence", help="Only adapters under this licence.")
@click.option("--metric", help="A figure that must be stated, such as f1.")
@click.option("--min-value", type=float, help="The least that --metric may be.")
@click.option(
    "--status",
    type=click.Choice(["active", "yanked", "revoked", "any"]),
    default="active",
    show_default=True,
    help="Of the newest version.",
)
@click.option(
    "--sort", type=click.Choice(SORTS), help="The largest, or latest, first. Default: metric if one is named."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@registry_option
@json_option
def search_command(
    words: str | None, labels: Sequence[str], limit: int, location: str, as_json: bool, **filters: object
) -> None:
    """Find adapters by their newest version; WORDS is part of a repository's id, and all filters must hold."""
    from registry.finding import AdapterQuery

    filters["sort"] = filters["sort"] or ("metric" if filters["metric"] else "lastModified")
    query = AdapterQuery(search=words, labels=tuple(labels), **filters)  # type: ignore[arg-type]  # click checked them
    found = open_registry(location).search(query, limit=limit)
    columns = ("adapter", "task", "base", "method", "rank", query.metric or "figures")
    text = table(columns, ([*_cells(one), _figures(one, query.metric)] for one in found))
    Output(as_json).result({"adapters": found}, text if found else "Nothing fits. Leave a filter out.")


def _cells(found: AdapterFound) -> list[object]:
    facts = found.facts
    return [f"{found.repository}@{found.version}", facts.task, facts.base, facts.method, facts.rank]


def _figures(found: AdapterFound, metric: str | None) -> str:
    shown = [metric] if metric else list(found.facts.metrics)
    return ", ".join(f"{found.facts.metrics[name]:.4f}" + ("" if metric else f" {name}") for name in shown)
