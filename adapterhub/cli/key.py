"""``adapterhub key``: keys that sign versions, and whose signatures are asked for on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from adapterhub import settings
from adapterhub.cli.home import trust_file
from adapterhub.cli.output import Output, json_option


@click.group("key")
def key_command() -> None:
    """Make signing keys, and say whose to trust.

    \b
    adapterhub key new ~/keys/acme
    adapterhub publish runs/intent acme/intent@1.4.0 --sign ~/keys/acme
    adapterhub key trust acme ~/keys/acme.pub --require
    """


@key_command.command("new")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def new_command(path: Path, as_json: bool) -> None:
    """Write a new private key to PATH and its public half to PATH.pub.

    The passphrase is asked for, or taken from ADAPTERHUB_KEY_PASSPHRASE; without one, whoever reads PATH can sign.
    """
    from registry.signing import new_key_pair

    passphrase = settings.key_passphrase()
    if passphrase is None and sys.stdin.isatty():
        asked = "Passphrase (empty: none)"
        passphrase = click.prompt(
            asked, default="", hide_input=True, show_default=False, confirmation_prompt=True, err=True
        )
    path = path.expanduser()
    key = new_key_pair(path, passphrase)
    document = {"key_id": key.key_id, "private": path, "public": f"{path}.pub", "encrypted": bool(passphrase)}
    kept = "encrypted" if passphrase else "not encrypted"
    Output(as_json).result(document, f"key {key.key_id}: keep {path} ({kept}), give away {path}.pub")


@key_command.command("show")
@click.argument("public", metavar="PUB", type=click.Path(path_type=Path))
@json_option
def show_command(public: Path, as_json: bool) -> None:
    """Show the id of a public key."""
    from registry.signing import PublicKey

    key = PublicKey.read(public.expanduser())
    Output(as_json).result({"key_id": key.key_id, "public_pem": key.pem}, key.key_id)


@key_command.command("trust")
@click.argument("namespace")
@click.argument("public", metavar="PUB", type=click.Path(path_type=Path))
@click.option("--name", help="What people call the key (default: the file's name).")
@click.option("--require/--no-require", default=None, help="Refuse what is not signed. Without it: as before.")
@json_option
def trust_command(namespace: str, public: Path, name: str | None, require: bool | None, as_json: bool) -> None:
    """Trust a key to sign the versions of NAMESPACE/*.

    A signature that is there must be by a trusted key from now on, when versions are published and when they are
    pulled; with --require there must be one, in versions that are published already too.
    """
    from registry.signing import PublicKey, TrustStore

    key = PublicKey.read(public.expanduser())
    trust = TrustStore.read(trust_file()).trusting(namespace, key, name or public.stem, require)
    trust.write(trust_file())
    required = trust.of(f"{namespace}/").required
    asks = "takes signed versions only" if required else "takes unsigned versions too"
    document = {"namespace": namespace, "key_id": key.key_id, "required": required}
    Output(as_json).result(document, f"{namespace} trusts {key.key_id} and {asks}")


@key_command.command("retire")
@click.argument("namespace")
@click.argument("key_id")
@json_option
def retire_command(namespace: str, key_id: str, as_json: bool) -> None:
    """Trust a key no longer for what is published from now on.

    Versions published before still count as signed. If the key was stolen, revoke those that are not yours.
    """
    from registry.signing import TrustStore

    TrustStore.read(trust_file()).retiring(namespace, key_id).write(trust_file())
    Output(as_json).result({"namespace": namespace, "key_id": key_id}, f"{namespace} takes nothing new by {key_id}")


def passphrase_for(private_key: Path) -> str | None:
    """The passphrase of a key's file, from the environment or asked for; None where it needs none.

    Raises:
        RegistryError: the file holds no private key.
    """
    from registry.signing.keys import is_encrypted

    if not is_encrypted(private_key):
        return None
    given = settings.key_passphrase()
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"Passphrase of {private_key}", hide_input=True, err=True)
    return given
