"""``adapterhub publish``: a folder becomes an immutable version, after it was checked against its base."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub.cli.home import open_registry, registry_option
from adapterhub.cli.key import passphrase_for
from adapterhub.cli.output import Output, json_option
from adapterhub.cli.serving import base_path_option, load_backbone
from adapterhub.errors import BackboneError

if TYPE_CHECKING:
    from adapterhub.backbone import BaseIdentity
    from registry import Facts


@click.command("publish")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("version", metavar="OWNER/NAME@VERSION")
@click.option("--base", help="Hub id of the base, where the folder does not say it.")
@click.option("--task", help="The Hub's pipeline tag, where the folder does not say it.")
@click.option("--licence", help="The Hub's identifier of the licence, where the folder does not say it.")
@click.option("--labels", help="Labels in the order of the head's outputs, comma-separated.")
@click.option("--problem-type", help="multi_label_classification, say, where the folder and its labels do not say it.")
@click.option("--no-base-check", is_flag=True, help="Publish though the base is not here to check the adapter against.")
@click.option(
    "--sign", "key", type=click.Path(path_type=Path), metavar="KEY", help="Sign it with a key of `adapterhub key new`."
)
@base_path_option
@registry_option
@json_option
def publish_command(
    folder: Path,
    version: str,
    base: str | None,
    task: str | None,
    licence: str | None,
    labels: str | None,
    problem_type: str | None,
    no_base_check: bool,
    key: Path | None,
    base_path: Path | None,
    location: str,
    as_json: bool,
) -> None:
    """Publish a folder as an immutable version.

    FOLDER is a run, or any PEFT adapter; one made elsewhere needs what it does not say itself: --base, --task,
    --licence and --labels. A manifest.sig in it is kept, and has to be over what is published.
    """
    from adapterhub.train.run import refuse_without_adapter
    from registry import Facts

    repository, _, number = version.partition("@")
    if not number:
        raise click.UsageError("name the version: OWNER/NAME@1.0.0", click.get_current_context())
    refuse_without_adapter(folder)
    output = Output(as_json)
    named = tuple(label.strip() for label in labels.split(",")) if labels else None
    if named and not all(named):
        raise click.UsageError("--labels holds an empty label", click.get_current_context())
    facts = Facts(base=base, task=task, licence=licence, labels=named, problem_type=problem_type)
    key = key.expanduser() if key else None
    passphrase = passphrase_for(key) if key else None  # asked for before the base is loaded
    with tempfile.TemporaryDirectory() as scratch:
        source = unsigned_copy(folder, Path(scratch, "unsigned"), facts) if key else folder
        if not no_base_check:
            facts = checked(source, facts, base_path)
        if key:
            source = signed_copy(source, Path(scratch, "signed"), facts, key, passphrase)
        published = open_registry(location).publish(source, repository, number, facts=facts)
    output.result(published, f"published {published} as {published.digest}{', signed' if key else ''}")


def checked(folder: Path, facts: Facts, base_path: Path | None) -> Facts:
    """Load the folder as an engine would, and add what the base is to `facts`.

    The folder is published to a registry that is thrown away, so that what is checked is what will be pulled.

    Raises:
        RegistryError: the folder is not admitted.
        BackboneError: the base is not here to check against.
        AdapterError: the adapter does not fit the base.
    """
    import registry as registries
    from adapterhub.runtime.adapters.adapter import AdapterLoader
    from registry import Manifest

    with tempfile.TemporaryDirectory() as scratch:
        registry = registries.open_registry(scratch)
        staged = registry.pull(registry.publish(folder, "local/folder", "0.0.0", facts=facts))
        base = Manifest.read(staged).base
        try:
            backbone = load_backbone(base, base_path)
        except BackboneError as error:
            raise BackboneError(
                f"{base.id} is needed to check the adapter: {error.message}",
                f"{error.hint} Or publish it unchecked with --no-base-check: whoever loads it will find out.",
            ) from error
        if base.fingerprint is None:
            facts = _with_identity(facts, backbone.identity)
            staged = registry.pull(registry.publish(folder, "local/folder", "0.0.1", facts=facts))
        AdapterLoader(backbone).load(staged)
    return facts


def unsigned_copy(folder: Path, target: Path, facts: Facts) -> Path:
    """Put what can be published of `folder` into `target`, but no signature: it may be over what was there before.

    Raises:
        RegistryError: the folder is no adapter's.
    """
    from registry.gather import gather

    gather(folder, target, facts, signed=False)
    return target


def signed_copy(folder: Path, target: Path, facts: Facts, key: Path, passphrase: str | None) -> Path:
    """Put what would be published of `folder` into `target`, signed.

    Raises:
        RegistryError: the folder is not admitted, or the key cannot sign.
    """
    from registry.signing import seal

    seal(folder, target, facts, private_key=key, passphrase=passphrase)
    return target


def _with_identity(facts: Facts, base: BaseIdentity) -> Facts:
    return dataclasses.replace(
        facts,
        fingerprint=base.fingerprint,
        tokenizer_fingerprint=base.tokenizer_fingerprint,
        architecture=base.architecture,
    )
