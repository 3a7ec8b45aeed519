"""``adapterhub list`` and ``show``: what the registry holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.output import Output, json_option, table

if TYPE_CHECKING:
    from registry import Registry, VersionFacts


@click.command("list")
@click.argument("repository", metavar="[OWNER/NAME]", required=False)
@click.option("--base", help="Only adapters of this base (Hub id).")
@click.option("--task", help="Only adapters for this task (the Hub's pipeline tag).")
@registry_option
@json_option
def list_command(repository: str | None, base: str | None, task: str | None, location: str, as_json: bool) -> None:
    """List the repositories, or all versions of one."""
    registry = open_registry(location)
    if repository is not None:
        _list_versions(registry, repository, Output(as_json))
        return
    found = registry.list(base=base, task=task)
    columns = ("repository", "latest", "versions", "task", "base", "aliases")
    rows = (
        (
            one.repository,
            one.latest.version if one.latest else "none",
            one.versions,
            one.task,
            one.base,
            ", ".join(f"{name} → {version}" for name, version in one.aliases.items()),
        )
        for one in found
    )
    nothing = f"Nothing is published in {location} yet."
    Output(as_json).result({"repositories": found}, table(columns, rows) if found else nothing)


def _list_versions(registry: Registry, repository: str, output: Output) -> None:
    versions = registry.versions(repository)
    rows = ((one.version, f"{one.status} {one.reason}".strip(), one.digest) for one in versions)
    output.result({"versions": versions}, table(("version", "status", "digest"), rows))


@click.command("show")
@click.argument("reference", metavar="REF")
@registry_option
@json_option
def show_command(reference: str, location: str, as_json: bool) -> None:
    """Show what the registry knows of a version."""
    facts = open_registry(location).show(reference)
    document = {
        **dataclasses.asdict(facts.version),
        "published": facts.published,
        "aliases": facts.aliases,
        "derived": facts.derived,
        "manifest": facts.manifest.document,
    }
    Output(as_json).result(document, table(("", str(facts.version)), _facts(facts)))


def _facts(facts: VersionFacts) -> Iterator[tuple[str, object]]:
    """The lines that a person looks for first."""
    document: Any = facts.manifest.document
    yield "status", f"{facts.version.status} {facts.version.reason}".strip()
    yield "digest", facts.version.digest
    yield "published", f"{facts.published:%Y-%m-%d %H:%M}"
    yield "aliases", ", ".join(facts.aliases) or "none"
    yield "task", document["task"]["name"]
    yield "base", document["base"]["id"]
    yield "checked base", "yes" if document["base"].get("fingerprint") else "no: unverified-base"
    yield "method", document["method"]["kind"]
    yield "labels", ", ".join((document.get("head") or {}).get("labels") or []) or "none"
    yield "licence", document["licence"]
    for name, at in ((document.get("metrics") or {}).get("after") or {}).items():
        yield name, f"{at['value']:.4f} [{at['low']:.4f}, {at['high']:.4f}] on {at['n']} {at['split']} rows"
