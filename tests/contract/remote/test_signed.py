"""Signatures over a Hub: whoever trusts keys refuses what they did not sign, whatever the Hub says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Registry, Version
from registry.errors import CorruptBlob, SignatureInvalid, SignatureMissing, VersionConflict
from tests.registry.signers import Signer, store_of, verified_by_stock_command
from tests.support.front import Front

Open = Callable[..., Registry]
Publish = Callable[..., Version]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.make(tmp_path / "admin")


@pytest.fixture(params=["ours", "stock"])
def at(request: pytest.FixtureRequest, hub: Front) -> Front:
    hub.stock = request.param == "stock"
    return hub


def test_a_signature_goes_along_and_is_verified(
    at: Front, opened: Open, signer: Signer, name: str, tmp_path: Path
) -> None:
    trust = store_of(signer.trusted(), namespace="admin")
    version = opened(at, trust=trust).publish(signer.seal(tmp_path / "signed"), name, "1.0.0")
    other = opened(at, "elsewhere", trust=trust)
    folder = other.pull(version)
    assert verified_by_stock_command(folder, signer.path.with_name("admin.pub"))
    at.seen.clear()
    assert other.pull(version) == folder
    assert at.asked("/resolve/") == []


def test_what_is_not_signed_is_neither_published_nor_pulled(
    at: Front, opened: Open, signer: Signer, publish: Publish, name: str
) -> None:
    strict = opened(at, "strict", trust=store_of(signer.trusted(), namespace="admin"))
    with pytest.raises(SignatureMissing):
        publish(strict, "1.0.0")
    assert at.asked("POST") == []
    version = publish(opened(at), "1.0.0")
    with pytest.raises(SignatureMissing):
        strict.pull(version)


def test_another_key_is_refused(at: Front, opened: Open, signer: Signer, name: str, tmp_path: Path) -> None:
    version = opened(at).publish(signer.seal(tmp_path / "signed"), name, "1.0.0")
    stranger = Signer.make(tmp_path / "stranger")
    with pytest.raises(SignatureInvalid):
        opened(at, "strict", trust=store_of(stranger.trusted(), namespace="admin")).pull(version)


def test_an_unsigned_version_stays_so(at: Front, opened: Open, signer: Signer, name: str, tmp_path: Path) -> None:
    signed = signer.seal(tmp_path / "signed")
    signature = (signed / "manifest.sig").read_bytes()
    (signed / "manifest.sig").unlink()
    opened(at).publish(signed, name, "1.0.0")
    (signed / "manifest.sig").write_bytes(signature)
    with pytest.raises(VersionConflict, match="unsigned"):
        opened(at).publish(signed, name, "1.0.0")


def test_a_signature_that_the_hub_alters_is_refused(
    hub: Front, opened: Open, signer: Signer, name: str, tmp_path: Path
) -> None:
    version = opened(hub).publish(signer.seal(tmp_path / "signed"), name, "1.0.0")
    hub.change = lambda one: one.saying(one.body.replace(b"e", b"f")) if "manifest.sig" in one.path else one
    with pytest.raises((SignatureInvalid, CorruptBlob)):
        opened(hub, "strict", trust=store_of(signer.trusted(), namespace="admin")).pull(version)
