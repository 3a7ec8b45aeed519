"""Signatures: which key signed exactly these files, and that nothing else passes for it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry import Manifest
from registry.errors import ManifestError, MissingDependency, SignatureInvalid, SignatureMissing
from registry.signing import seal, sign, verify
from tests.registry.folders import FACTS, write_adapter
from tests.registry.signers import Signer, model_signing, verified_by_stock_command

FILES = ("README.md", "adapter_config.json", "adapter_model.safetensors", "figures/loss.png", "manifest.json")
RETIRED = datetime(2026, 6, 1, tzinfo=UTC)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the JSON of a signature."""
    document = json.loads((folder / "manifest.sig").read_bytes())
    change(document)
    (folder / "manifest.sig").write_text(json.dumps(document))


def edit_statement(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what was signed, and leave the signature as it is."""

    def inside(document: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
        change(statement)
        document["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()

    edit(folder, inside)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_the_key_that_signed_is_found_among_others(signed: Path, signer: Signer, other: Signer) -> None:
    assert {path.relative_to(signed).as_posix() for path in signed.rglob("*.*")} == {*FILES, "manifest.sig"}
    assert verify(signed, [other.trusted(), signer.trusted()]) == signer.trusted()
    files = {name: signed / name for name in (*FILES, "manifest.sig")}
    assert verify(files, [other.trusted(), signer.trusted()]) == signer.trusted()


def test_the_stock_command_agrees(signed: Path, signer: Signer, other: Signer) -> None:
    public = signer.path.with_name("acme.pub")
    assert verified_by_stock_command(signed, public)
    assert not verified_by_stock_command(signed, other.path.with_name("other.pub"))
    flip(signed / "adapter_model.safetensors")
    assert not verified_by_stock_command(signed, public)


def test_what_the_stock_command_signs_is_verified(signed: Path, signer: Signer) -> None:
    (signed / "manifest.sig").unlink()
    done = model_signing("sign", "key", signed, "--signature", signed / "manifest.sig", "--private_key", signer.path)
    assert done.returncode == 0, done.stderr
    assert verify(signed, [signer.trusted()]) == signer.trusted()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_any_file_is_refused_by_its_name(signed: Path, signer: Signer, name: str) -> None:
    flip(signed / name)
    with pytest.raises(SignatureInvalid, match=f"{name} is not the file that was signed"):
        verify(signed, [signer.trusted()])


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(signed: Path, signer: Signer, name: str) -> None:
    (signed / name).unlink()
    with pytest.raises(SignatureInvalid, match=f"{name} was signed, but is not there"):
        verify(signed, [signer.trusted()])


@pytest.mark.parametrize("name", ["LICENSE", "adapter_model.bin", "figures/more.png", ".git/config"])
def test_a_file_that_was_added_is_named(signed: Path, signer: Signer, name: str) -> None:
    (signed / name).parent.mkdir(exist_ok=True)
    (signed / name).write_bytes(b"more")
    with pytest.raises(SignatureInvalid, match=f"{name} is there, but manifest.sig does not cover it"):
        verify(signed, [signer.trusted()])


def test_a_link_is_no_file(signed: Path, signer: Signer, tmp_path: Path) -> None:
    shutil.move(signed / "README.md", tmp_path / "README.md")
    (signed / "README.md").symlink_to(tmp_path / "README.md")
    with pytest.raises(SignatureInvalid, match=r"README\.md is a link"):
        verify(signed, [signer.trusted()])


def test_how_a_hub_keeps_files_is_not_signed(signed: Path, signer: Signer) -> None:
    (signed / ".gitattributes").write_text("*.safetensors filter=lfs")
    assert verify(signed, [signer.trusted()]) == signer.trusted()
    assert verified_by_stock_command(signed, signer.path.with_name("acme.pub"))


def test_without_a_signature_there_is_none(signed: Path, signer: Signer) -> None:
    (signed / "manifest.sig").unlink()
    with pytest.raises(SignatureMissing, match=r"no manifest\.sig"):
        verify(signed, [signer.trusted()])


def test_an_unknown_key_is_refused_and_the_known_ones_are_named(signed: Path, other: Signer) -> None:
    with pytest.raises(SignatureInvalid, match=rf"unknown key.*other \({other.public.key_id[:12]}"):
        verify(signed, [other.trusted()])
    with pytest.raises(SignatureInvalid, match="none"):
        verify(signed, [])


def test_naming_a_trusted_key_is_not_signing_with_it(signed: Path, other: Signer) -> None:
    edit(signed, lambda sig: sig["verificationMaterial"]["publicKey"].update(hint=other.public.hint))
    with pytest.raises(SignatureInvalid, match="was not made by the key"):
        verify(signed, [other.trusted()])


def test_a_list_that_was_made_to_fit_is_refused(signed: Path, signer: Signer, tmp_path: Path) -> None:
    """The weights of another adapter, its sha256 in the list, and the list's own digest: only the key can tell."""
    forged = signer.seal(tmp_path / "forged", seed=1)
    payload = json.loads((forged / "manifest.sig").read_bytes())["dsseEnvelope"]["payload"]
    edit(signed, lambda sig: sig["dsseEnvelope"].update(payload=payload))
    for name in ("adapter_model.safetensors", "manifest.json"):
        shutil.copy(forged / name, signed / name)
    with pytest.raises(SignatureInvalid, match="was not made by the key"):
        verify(signed, [signer.trusted()])


def test_files_that_a_signature_wants_ignored_are_not(signed: Path, signer: Signer) -> None:
    """By a trusted key, and right to the stock command."""
    (signed / "manifest.sig").unlink()
    weights = signed / "adapter_model.safetensors"
    paths = ("--signature", signed / "manifest.sig", "--private_key", signer.path, "--ignore-paths", weights)
    done = model_signing("sign", "key", signed, *paths)
    assert done.returncode == 0, done.stderr
    flip(weights)
    assert verified_by_stock_command(signed, signer.path.with_name("acme.pub"))
    with pytest.raises(
        SignatureInvalid, match=r"adapter_model\.safetensors is there, but manifest\.sig does not cover"
    ):
        verify(signed, [signer.trusted()])


def test_a_retired_key_counts_for_what_was_published_before(signed: Path, signer: Signer) -> None:
    key = signer.trusted(RETIRED)
    assert verify(signed, [key], RETIRED - timedelta(seconds=1)) == key
    for moment in (RETIRED, RETIRED + timedelta(days=1), None):
        with pytest.raises(SignatureInvalid, match=r"acme .* was retired on 2026-06-01"):
            verify(signed, [key], moment)


def test_after_a_rotation_each_key_counts_for_its_time(signed: Path, signer: Signer, other: Signer) -> None:
    keys = [signer.trusted(RETIRED), other.trusted()]
    assert verify(signed, keys, RETIRED - timedelta(days=1)) == keys[0]
    newer = other.seal(signed.with_name("newer"), seed=1)
    assert verify(newer, keys, RETIRED + timedelta(days=1)) == keys[1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"verificationMaterial": {}, "dsseEnvelope": {"payload": "e30="}}',
        b'{"verificationMaterial": {}, "dsseEnvelope": {"payload": "%%%"}}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_signature_is_refused_as_one(signed: Path, signer: Signer, data: bytes) -> None:
    (signed / "manifest.sig").write_bytes(data)
    with pytest.raises(SignatureInvalid, match=r"manifest\.sig is no signature that can be read"):
        verify(signed, [signer.trusted()])


@pytest.mark.parametrize(
    "change",
    [
        lambda sig: sig.pop("mediaType"),
        lambda sig: sig.update(mediaType="text/plain"),
        lambda sig: sig["dsseEnvelope"].update(signatures=[]),
        lambda sig: sig["dsseEnvelope"].pop("signatures"),
        lambda sig: sig["dsseEnvelope"].update(payloadType="text/plain"),
        lambda sig: sig["dsseEnvelope"]["signatures"][0].update(sig="AAAA"),
        lambda sig: sig["verificationMaterial"].pop("publicKey"),
        lambda sig: sig["verificationMaterial"]["publicKey"].update(hint=""),
    ],
)
def test_a_signature_that_is_broken_elsewhere_is_refused(
    signed: Path, signer: Signer, change: Callable[[dict[str, Any]], object]
) -> None:
    edit(signed, change)
    with pytest.raises(SignatureInvalid):
        verify(signed, [signer.trusted()])


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.update(predicateType="https://model_signing/Digests/v0.1"),
        lambda made: made["predicate"]["serialization"].update(method="shards"),
        lambda made: made["predicate"]["resources"][0].update(algorithm="blake3"),
        lambda made: made["predicate"]["resources"].append(made["predicate"]["resources"][0]),
    ],
)
def test_lists_of_another_kind_are_refused(
    signed: Path, signer: Signer, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_statement(signed, change)
    with pytest.raises(SignatureInvalid, match=r"manifest\.sig (is no signature that can be read|names a file twice)"):
        verify(signed, [signer.trusted()])


def test_an_unchanged_signature_survives_being_edited(signed: Path, signer: Signer) -> None:
    """So that the tests above refuse what they changed, and not how."""
    edit(signed, lambda sig: None)
    assert verify(signed, [signer.trusted()]) == signer.trusted()


def test_signing_needs_the_manifest(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(ManifestError, match="holds no manifest"):
        sign(write_adapter(tmp_path / "adapter"), signer.path)


def test_a_seal_leaves_the_folder_as_it_is_and_drops_its_signature(tmp_path: Path, signer: Signer) -> None:
    folder = write_adapter(tmp_path / "run" / "adapter")
    (folder / "manifest.sig").write_text("of what was there before")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    target = tmp_path / "sealed"
    target.mkdir()
    assert seal(tmp_path / "run", target, FACTS, private_key=signer.path) == signer.public
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert verify(target, [signer.trusted()]) == signer.trusted()
    assert (target / "manifest.json").read_bytes() == Manifest.read(target).canonical()


@pytest.mark.parametrize("package", ["cryptography", "model_signing", "OpenSSL"])
def test_a_package_that_is_missing_is_named(signed: Path, signer: Signer, package: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from pathlib import Path; from registry.signing import sign\n"
        f"sign(Path({str(signed)!r}), Path({str(signer.path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"{MissingDependency.__name__}: signatures need the package {package}" in done.stderr
    assert "pip install 'adapterhub[signing]'" in done.stderr


def test_nothing_is_imported_before_it_is_needed() -> None:
    program = "import sys, registry.local, registry.signing; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "registry.signing.signature" in loaded
    assert {"cryptography", "model_signing", "sigstore", "pydantic"} & loaded == set()
