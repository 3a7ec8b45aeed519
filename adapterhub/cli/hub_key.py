"""``adapterhub hub key …``: the keys that a namespace of a Hub server signs its versions with, and whether it must."""

from __future__ import annotations

from pathlib import Path

import click

from adapterhub.cli.hub_serve import author, open_index, place_options
from adapterhub.cli.output import Output, json_option, table


@click.group("key")
def key_command() -> None:
    """The keys that namespaces sign with: add, list, require, retire."""


@key_command.command("add")
@click.argument("namespace")
@click.argument("pub", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", default="", help="How people call the key. Default: the file's name.")
@place_options
@json_option
def add(namespace: str, pub: Path, name: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Let versions of NAMESPACE be signed by the public key in the file PUB."""
    from registry.index.keys import Keys
    from registry.signing import PublicKey

    key = PublicKey.read(pub)
    with open_index(data, database, blobs) as index:
        Keys(index).add(namespace, key, name or pub.stem, author())
    Output(as_json).result({"namespace": namespace, "key_id": key.key_id}, f"{namespace} signs with {key.key_id}")


@key_command.command("list")
@click.argument("namespace")
@place_options
@json_option
def list_keys(namespace: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """The keys of NAMESPACE, the retired ones too."""
    from registry.index.keys import Keys

    with open_index(data, database, blobs) as index:
        trust = Keys(index).trust(namespace)
    rows = ((one.key_id[:12], one.name, f"{one.added:%Y-%m-%d}", one.retired and "retired") for one in trust.keys)
    document = {"namespace": namespace, "required": trust.required, "keys": trust.keys}
    Output(as_json).result(document, table(("key", "name", "since", "state"), rows))


@key_command.command("require")
@click.argument("namespace")
@click.option("--no", "lifted", is_flag=True, help="Take unsigned versions again.")
@place_options
@json_option
def require(namespace: str, lifted: bool, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Take only signed versions in NAMESPACE from now on."""
    from registry.index.keys import Keys

    with open_index(data, database, blobs) as index:
        Keys(index).require(namespace, not lifted, author())
    said = f"{namespace} takes {'unsigned versions too' if lifted else 'signed versions only'}"
    Output(as_json).result({"namespace": namespace, "required": not lifted}, said)


@key_command.command("retire")
@click.argument("namespace")
@click.argument("key_id", metavar="KEY")
@place_options
@json_option
def retire(namespace: str, key_id: str, data: Path | None, database: str, blobs: str, as_json: bool) -> None:
    """Let KEY sign nothing new in NAMESPACE; what it signed stays."""
    from registry.index.keys import Keys

    with open_index(data, database, blobs) as index:
        Keys(index).retire(namespace, key_id, author())
    Output(as_json).result({"namespace": namespace, "key_id": key_id}, f"{key_id} is retired for {namespace}")
