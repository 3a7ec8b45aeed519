"""Trust: what namespaces that require signatures refuse when a version is published and when it is pulled."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry import Facts, LocalRegistry, open_registry
from registry.errors import (
    InvalidKey,
    InvalidReference,
    RepositoryNotFound,
    SignatureInvalid,
    SignatureMissing,
    TrustError,
    VersionConflict,
)
from registry.signing import TRUST_FILE, Trust, TrustStore
from tests.registry.folders import FACTS
from tests.registry.signers import Signer, store_of, verified_by_stock_command


def under(registry: LocalRegistry, trust: TrustStore) -> LocalRegistry:
    """The same folder, opened by somebody who trusts."""
    return LocalRegistry(registry.root, trust=trust)


def test_a_signed_version_is_pulled_with_its_signature(registry: LocalRegistry, signed: Path, signer: Signer) -> None:
    strict = under(registry, store_of(signer.trusted()))
    version = strict.publish(signed, "acme/intent", "1.0.0")
    folder = strict.pull(version)
    assert (folder / "manifest.sig").read_bytes() == (signed / "manifest.sig").read_bytes()
    assert verified_by_stock_command(folder, signer.path.with_name("acme.pub"))
    assert not strict.show("acme/intent").derived


def test_the_digest_is_the_contents_signed_or_not(
    registry: LocalRegistry, signed: Path, other: Signer, tmp_path: Path
) -> None:
    digests = {registry.publish(signed, "acme/intent", "1.0.0").digest}
    shutil.copytree(signed, tmp_path / "unsigned", ignore=shutil.ignore_patterns("manifest.sig"))
    digests.add(registry.publish(tmp_path / "unsigned", "acme/intent", "1.0.1").digest)
    digests.add(registry.publish(other.seal(tmp_path / "again"), "acme/intent", "1.0.2").digest)
    assert len(digests) == 1
    pulled = [registry.pull(f"acme/intent@1.0.{patch}") / "manifest.sig" for patch in (0, 1, 2, 0)]
    assert [file.exists() for file in pulled] == [True, False, True, True]
    assert pulled[0].read_bytes() == pulled[3].read_bytes() != pulled[2].read_bytes()


def test_what_is_not_signed_is_refused_where_it_must_be(registry: LocalRegistry, adapter: Path, signer: Signer) -> None:
    strict = under(registry, store_of(signer.trusted()))
    for name in ("acme/intent", "Acme/Intent"):
        with pytest.raises(SignatureMissing, match="its namespace requires one"):
            strict.publish(adapter, name, "1.0.0", facts=FACTS)
    (entry, _) = strict.audit()
    assert (entry.action, entry.subject) == ("publish-refused", "1.0.0")
    assert "manifest.sig" in entry.detail
    assert not list((registry.root / "blobs").rglob("*"))
    with pytest.raises(RepositoryNotFound):
        strict.versions("acme/intent")
    assert strict.publish(adapter, "elsewhere/intent", "1.0.0", facts=FACTS)


def test_another_key_is_refused_and_audited(registry: LocalRegistry, signed: Path, other: Signer) -> None:
    for required in (True, False):
        with pytest.raises(SignatureInvalid, match="unknown key"):
            under(registry, store_of(other.trusted(), required=required)).publish(signed, "acme/intent", "1.0.0")
        assert registry.audit()[0].action == "publish-refused"


def test_required_without_a_key_refuses_everything(registry: LocalRegistry, signed: Path, adapter: Path) -> None:
    strict = under(registry, store_of())
    with pytest.raises(SignatureInvalid, match="unknown key"):
        strict.publish(signed, "acme/intent", "1.0.0")
    with pytest.raises(SignatureMissing):
        strict.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)


def test_a_key_without_a_requirement_takes_unsigned_versions(
    registry: LocalRegistry, adapter: Path, signer: Signer
) -> None:
    lenient = under(registry, store_of(signer.trusted(), required=False))
    assert lenient.pull(lenient.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)).is_dir()


def test_whoever_pulls_asks_again(
    registry: LocalRegistry, adapter: Path, signed: Path, signer: Signer, other: Signer
) -> None:
    registry.publish(adapter, "acme/unsigned", "1.0.0", facts=FACTS)
    version = registry.publish(signed, "acme/signed", "1.0.0")
    strict = under(registry, store_of(signer.trusted()))
    with pytest.raises(SignatureMissing):
        strict.pull("acme/unsigned")
    assert strict.pull(version) == registry.pull(version)
    with pytest.raises(SignatureInvalid, match="unknown key"):
        under(registry, store_of(other.trusted())).pull(version)


def test_a_signature_over_other_files_is_refused_though_nobody_is_trusted(
    registry: LocalRegistry, signed: Path, signer: Signer, tmp_path: Path
) -> None:
    elsewhere = signer.seal(tmp_path / "elsewhere", seed=1)
    shutil.copy(elsewhere / "manifest.sig", signed)
    with pytest.raises(SignatureInvalid, match=r"adapter_model\.safetensors is not the file that was signed"):
        registry.publish(signed, "acme/intent", "1.0.0")
    assert registry.audit()[0].action == "publish-refused"


def test_facts_that_change_a_signed_manifest_are_refused(registry: LocalRegistry, signed: Path) -> None:
    with pytest.raises(SignatureInvalid, match=r"manifest\.json is not the file that was signed"):
        registry.publish(signed, "acme/intent", "1.0.0", facts=Facts(fingerprint=f"sha256:{'0' * 64}"))


def test_a_manifest_in_another_spelling_is_signed_in_the_canonical_one(
    registry: LocalRegistry, signed: Path, signer: Signer
) -> None:
    """What is signed is what is stored."""
    document = json.loads((signed / "manifest.json").read_bytes())
    (signed / "manifest.json").write_text(json.dumps(document, indent=4))
    assert under(registry, store_of(signer.trusted())).publish(signed, "acme/intent", "1.0.0")


def test_an_unsigned_version_cannot_be_signed_later(registry: LocalRegistry, signed: Path, tmp_path: Path) -> None:
    shutil.copytree(signed, tmp_path / "unsigned", ignore=shutil.ignore_patterns("manifest.sig"))
    version = registry.publish(tmp_path / "unsigned", "acme/intent", "1.0.0")
    with pytest.raises(VersionConflict, match="exists with this content, unsigned") as refused:
        registry.publish(signed, "acme/intent", "1.0.0")
    assert "next number" in refused.value.hint
    assert registry.publish(tmp_path / "unsigned", "acme/intent", "1.0.0") == version
    assert registry.publish(signed, "acme/intent", "1.0.1").digest == version.digest


def test_a_retired_key_keeps_its_versions_and_signs_no_new_one(
    registry: LocalRegistry, signed: Path, signer: Signer, other: Signer, tmp_path: Path
) -> None:
    trust = store_of(signer.trusted(), other.trusted())
    version = under(registry, trust).publish(signed, "acme/intent", "1.0.0")
    rotated = under(registry, trust.retiring("acme", signer.public.key_id))
    assert (rotated.pull(version) / "manifest.sig").is_file()
    assert rotated.publish(signed, "acme/intent", "1.0.0") == version, "which is how damaged bytes are put back"
    for folder, number in ((signed, "1.0.1"), (signer.seal(tmp_path / "new", seed=1), "1.1.0")):
        with pytest.raises(SignatureInvalid, match="was retired on"):
            rotated.publish(folder, "acme/intent", number)
    assert rotated.publish(other.seal(tmp_path / "newer", seed=1), "acme/intent", "1.1.0")


def test_a_key_that_was_retired_before_counts_for_nothing(
    registry: LocalRegistry, signed: Path, signer: Signer
) -> None:
    version = registry.publish(signed, "acme/intent", "1.0.0")
    with pytest.raises(SignatureInvalid, match="was retired on 2026-01-02"):
        under(registry, store_of(signer.trusted(datetime(2026, 1, 2, tzinfo=UTC)))).pull(version)


def test_the_registrys_own_file_counts_from_when_it_is_written(
    registry: LocalRegistry, adapter: Path, signer: Signer
) -> None:
    version = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    assert registry.pull(version)
    store_of(signer.trusted()).write(registry.root / TRUST_FILE)
    with pytest.raises(SignatureMissing):
        registry.pull(version)
    with pytest.raises(SignatureMissing):
        open_registry(registry.root, trust=TrustStore()).pull(version)


def test_both_who_opens_a_registry_and_the_registry_are_asked(
    registry: LocalRegistry, signed: Path, signer: Signer, other: Signer
) -> None:
    store_of(signer.trusted()).write(registry.root / TRUST_FILE)
    assert open_registry(registry.root).publish(signed, "acme/intent", "1.0.0")
    with pytest.raises(SignatureInvalid, match="unknown key"):
        open_registry(registry.root, trust=store_of(other.trusted())).pull("acme/intent")


def test_a_store_is_read_as_it_was_written(tmp_path: Path, signer: Signer, other: Signer) -> None:
    store = TrustStore().trusting("Acme", signer.public, "first", True).trusting("acme", other.public, "second")
    store.write(tmp_path / "home" / TRUST_FILE)
    read = TrustStore.read(tmp_path / "home" / TRUST_FILE)
    assert read == store
    assert [key.name for key in read.of("ACME/intent").keys] == ["first", "second"]
    assert read.of("acme/intent").required and read.of("other/intent") == Trust()
    assert [path.name for path in (tmp_path / "home").iterdir()] == [TRUST_FILE]
    assert TrustStore.read(tmp_path / "nowhere") == TrustStore()


def test_trusting_again_and_retiring_again_change_nothing(signer: Signer) -> None:
    store = TrustStore().trusting("acme", signer.public, "first", True)
    assert store.trusting("acme", signer.public, "another name") == store
    assert not store.trusting("acme", signer.public, "first", False).of("acme/x").required
    retired = store.retiring("acme", signer.public.key_id)
    assert retired.retiring("acme", signer.public.key_id) == retired
    assert retired.of("acme/x").required
    with pytest.raises(InvalidKey, match="was retired"):
        retired.trusting("acme", signer.public, "first")


def test_a_key_that_is_not_trusted_cannot_be_retired(signer: Signer, other: Signer) -> None:
    store = TrustStore().trusting("acme", signer.public, "first")
    with pytest.raises(InvalidKey, match="acme trusts no key") as refused:
        store.retiring("acme", other.public.key_id)
    assert signer.public.key_id in refused.value.hint
    with pytest.raises(InvalidKey):
        store.retiring("other", signer.public.key_id)


@pytest.mark.parametrize("namespace", ["", "a/b", "..", "a b", "a--b"])
def test_what_is_no_namespace_is_refused(signer: Signer, namespace: str) -> None:
    with pytest.raises(InvalidReference, match="cannot be the name of a user"):
        TrustStore().trusting(namespace, signer.public, "first")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"requird": True}, r"requird.*namespaces\[\.\.\.\]"),
        ({"required": "yes"}, r"required"),
        ({"keys": [{"key_id": "0"}]}, r"keys\[0\]"),
    ],
)
def test_a_file_that_is_not_valid_is_refused_by_its_place_and_nothing_passes(
    registry: LocalRegistry, adapter: Path, change: dict[str, object], place: str
) -> None:
    (registry.root / TRUST_FILE).write_text(json.dumps({"namespaces": {"acme": change}}))
    with pytest.raises(TrustError, match=rf"trust\.json: .*{place}"):
        registry.publish(adapter, "elsewhere/intent", "1.0.0", facts=FACTS)


def test_a_key_under_the_id_of_another_is_refused(tmp_path: Path, signer: Signer, other: Signer) -> None:
    TrustStore().trusting("acme", signer.public, "first").write(tmp_path / TRUST_FILE)
    text = (tmp_path / TRUST_FILE).read_text()
    for wrong, match in (
        (text.replace(signer.public.key_id, other.public.key_id), "key_id is not that of public_pem"),
        (text.replace("BEGIN PUBLIC KEY", "BEGIN KEY"), "public_pem: it is no public key"),
        (text.replace('"acme"', '"Acme"'), "lower case"),
        (text.replace("Z", ""), "added"),
    ):
        (tmp_path / TRUST_FILE).write_text(wrong)
        with pytest.raises(TrustError, match=match):
            TrustStore.read(tmp_path / TRUST_FILE)
