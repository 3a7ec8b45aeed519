"""Keys: what is written and who can read it, what their ids are, and which files are refused as keys."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from registry.errors import InvalidKey
from registry.signing import PublicKey, new_key_pair
from registry.signing.keys import check_private_key, is_encrypted

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


def write_pair(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Path:
    """A pair that other programs made."""
    path.write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_name(path.name + ".pub").write_bytes(public)
    return path


def test_a_pair_is_two_files_of_which_one_is_for_its_owner_only(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "keys" / "acme")
    private, public = tmp_path / "keys" / "acme", tmp_path / "keys" / "acme.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert PublicKey.read(public) == check_private_key(private, None) == made
    assert not is_encrypted(private)


def test_the_id_is_the_sha256_of_the_public_keys_der(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "acme")
    loaded = serialization.load_pem_public_key((tmp_path / "acme.pub").read_bytes())
    der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert made.key_id == hashlib.sha256(der).hexdigest()


def test_line_breaks_do_not_make_another_key(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "acme")
    first, *body, last, _ = made.pem.split("\n")
    assert PublicKey.from_pem("\r\n".join(["", first, "".join(body), last, ""])) == made


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    new_key_pair(tmp_path / "acme")
    private, public = (tmp_path / "acme").read_bytes(), (tmp_path / "acme.pub").read_bytes()
    with pytest.raises(InvalidKey, match="acme is there already"):
        new_key_pair(tmp_path / "acme")
    (tmp_path / "other.pub").write_text("mine")
    with pytest.raises(InvalidKey, match=r"other\.pub is there already"):
        new_key_pair(tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert ((tmp_path / "acme").read_bytes(), (tmp_path / "acme.pub").read_bytes()) == (private, public)


def test_a_passphrase_is_needed_and_has_to_be_the_right_one(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "acme", "open sesame")
    assert is_encrypted(tmp_path / "acme")
    assert check_private_key(tmp_path / "acme", "open sesame") == made
    with pytest.raises(InvalidKey, match="needs its passphrase"):
        check_private_key(tmp_path / "acme", None)
    with pytest.raises(InvalidKey, match="cannot be opened") as refused:
        check_private_key(tmp_path / "acme", "open barley")
    assert "passphrase" in refused.value.hint


def test_a_passphrase_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "acme")
    assert check_private_key(tmp_path / "acme", "open sesame") == made


def test_the_halves_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    new_key_pair(tmp_path / "acme")
    with pytest.raises(InvalidKey, match="acme holds a private key") as refused:
        PublicKey.read(tmp_path / "acme")
    assert "acme.pub" in refused.value.hint
    with pytest.raises(InvalidKey, match="holds no private key"):
        check_private_key(tmp_path / "acme.pub", None)


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_other_kinds_of_keys_are_refused(tmp_path: Path, kind: str) -> None:
    key = ec.generate_private_key(ec.SECP384R1()) if kind == "P-384" else rsa.generate_private_key(65537, 2048)
    path = write_pair(tmp_path / "other", key)
    with pytest.raises(InvalidKey, match="not a key on the curve P-256"):
        check_private_key(path, None)
    with pytest.raises(InvalidKey, match="not a key on the curve P-256"):
        PublicKey.read(tmp_path / "other.pub")


def test_a_key_that_another_program_made_will_do(tmp_path: Path) -> None:
    path = write_pair(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    assert check_private_key(path, None) == PublicKey.read(tmp_path / "other.pub")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519 AAAAC3Nza",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nü!\n-----END PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_key_is_refused_by_the_files_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pub").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidKey, match=r"a\.pub"):
        PublicKey.read(tmp_path / "a.pub")


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidKey, match="nowhere cannot be read"):
        PublicKey.read(tmp_path / "nowhere")
    with pytest.raises(InvalidKey, match="nowhere cannot be read"):
        check_private_key(tmp_path / "nowhere", None)
