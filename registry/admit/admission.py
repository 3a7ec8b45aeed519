"""One function, `admit`, for every way in which a version comes to be: published to a folder, or tagged on a server.

It opens every file of the tree and trusts none of them. What needs the backbone (that the declared modules exist, that
no number is NaN) is checked where there is one, at each load. Admitting changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from registry.admit.config import check_config
from registry.admit.tensors import check_tensors
from registry.errors import AdmissionRefused
from registry.folder import (
    CARD,
    CONFIG,
    MANIFEST,
    WEIGHTS,
    AdapterConfig,
    Card,
    Tensor,
    check_path,
    read_card,
    read_config,
    read_header,
    size_cap,
)
from registry.manifest import Facts, FileEntry, Manifest, derive
from registry.manifest.completion import list_files, sha256_of
from registry.manifest.derivation import LABELLED, head_kind, label_rows, method_kind

REPUBLISH = (
    "Publish the folder again; if its manifest.json was made before a file changed, delete that manifest.json first."
)


@dataclass(frozen=True)
class Admission:
    """The manifest of an admitted tree; `derived`: the tree holds none, and this one was made for it."""

    manifest: Manifest
    derived: bool

    def tree(self, files: Mapping[str, Path]) -> list[FileEntry]:
        """The files that were admitted, in the order of their paths."""
        listed = {entry.path: entry for entry in self.manifest.files}
        return [
            listed.get(place) or FileEntry(path=place, size=path.stat().st_size, sha256=sha256_of(path))
            for place, path in sorted(files.items())
        ]


def admit(files: Mapping[str, Path], facts: Facts | None = None) -> Admission:
    """Judge a tree of files (path in the tree → where its bytes are).

    Raises:
        AdmissionRefused: it cannot become a version; the message names the file and what is wrong with it.
        ManifestError: its manifest.json is not valid; the message names the place.
    """
    _check_files(files)
    config = read_config(files[CONFIG])
    check_config(config)
    header = read_header(files[WEIGHTS])
    check_tensors(config, header)
    facts = facts or Facts()
    if MANIFEST in files:
        manifest = _merged(Manifest.from_bytes(files[MANIFEST].read_bytes()), facts)
    else:
        card = read_card(files[CARD]) if CARD in files else Card()
        document = derive(config, header, card, facts)
        manifest = Manifest.from_document({**document, "files": list_files(files)})
    _check_listing(manifest, files)
    _check_claims(manifest, config, header)
    _check_tokenizer(manifest, files)
    return Admission(manifest, derived=MANIFEST not in files)


def check_listing(sizes: Mapping[str, int]) -> None:
    """Judge what needs no bytes: which files there are (path → size in bytes).

    Raises:
        AdmissionRefused: a version may not hold one of them, or one that each needs is missing.
    """
    for place, size in sizes.items():
        check_path(place)
        cap = size_cap(place) or 0
        if size > cap:
            raise AdmissionRefused(f"{place} has {size:,} bytes; {cap:,} are allowed", "Is this the adapter's file?")
    for place in (CONFIG, WEIGHTS):
        if place not in sizes:
            raise AdmissionRefused(f"{place} is missing", "Save the adapter with peft's save_pretrained.")


def _check_files(files: Mapping[str, Path]) -> None:
    for place, path in files.items():
        check_path(place)
        if path.is_symlink() or not path.is_file():
            raise AdmissionRefused(f"{place} is not a plain file", "Publish a folder of plain files.")
    check_listing({place: path.stat().st_size for place, path in files.items()})


def _merged(manifest: Manifest, facts: Facts) -> Manifest:
    """The stated manifest, with what it leaves open filled by facts.

    Raises:
        AdmissionRefused: a fact contradicts it.
    """
    document: dict[str, Any] = {**manifest.document, "base": {**manifest.document["base"]}}
    base = document["base"]
    for part, key, fact, name in (
        (base, "id", facts.base, "base.id"),
        (base, "revision", facts.revision, "base.revision"),
        (base, "fingerprint", facts.fingerprint, "base.fingerprint"),
        (base, "tokenizer_fingerprint", facts.tokenizer_fingerprint, "base.tokenizer_fingerprint"),
        (base, "architecture", facts.architecture, "base.architecture"),
        (document["task"], "name", facts.task, "task.name"),
        (document, "licence", facts.licence, "licence"),
        (document["head"], "labels", list(facts.labels) if facts.labels else None, "head.labels"),
        (document["head"], "problem_type", facts.problem_type, "head.problem_type"),
    ):
        if fact is None or part.get(key) == fact:
            continue
        if part.get(key):
            raise AdmissionRefused(
                f"{MANIFEST}: {name} is {part[key]!r}, but {fact!r} was stated for this publish",
                "Leave the statement out, or train again with it.",
            )
        part[key] = fact
    return Manifest.from_document(document)


def _check_listing(manifest: Manifest, files: Mapping[str, Path]) -> None:
    """The manifest lists exactly the files there are, with their sizes and digests."""
    listed = {entry.path: entry for entry in manifest.files}
    present = {entry["path"]: entry for entry in list_files(files)}
    for place in sorted(listed.keys() ^ present.keys()):
        where = f"listed in {MANIFEST}, but missing" if place in listed else f"there, but not listed in {MANIFEST}"
        raise AdmissionRefused(f"{place} is {where}", REPUBLISH)
    for place, entry in listed.items():
        actual = present[place]
        if (entry.size, entry.sha256) != (actual["size"], actual["sha256"]):
            raise AdmissionRefused(f"{place} is not the file that {MANIFEST} lists (size or sha256 differs)", REPUBLISH)


def _check_claims(manifest: Manifest, config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    """What the manifest says of the weights is what the config says."""
    method, head, base = manifest.method, manifest.head, config.base_model_name_or_path
    expected: list[tuple[str, object, object]] = [("method.kind", method.kind, method_kind(config))]
    if method.kind == "lora":
        expected += [("method.rank", method.rank, config.r), ("method.alpha", method.alpha, config.lora_alpha)]
    if base is not None:
        expected.append(("base.id", manifest.base.id, base))
    if config.task_type is not None:
        expected.append(("head.kind", head.kind, head_kind(config.task_type, manifest.task.name, head.pooling)))
    rows = label_rows(header) if head.kind in LABELLED else None
    if rows is not None:
        expected.append(("the number of head.labels", len(head.labels), rows))
    for name, said, found in expected:
        if said != found:
            raise AdmissionRefused(f"{name} is {said!r} in the manifest; the adapter's files say {found!r}", REPUBLISH)
    if head.kind in LABELLED and not head.labels:
        raise AdmissionRefused("head.labels: the manifest names none", "List the labels in the order of the outputs.")


def _check_tokenizer(manifest: Manifest, files: Mapping[str, Path]) -> None:
    """A tokenizer that comes along is the base's own (the fingerprint is over all but truncation and padding)."""
    stated = manifest.base.tokenizer_fingerprint
    if "tokenizer.json" not in files or stated is None:
        return
    try:
        document = json.loads(files["tokenizer.json"].read_bytes())
        kept = {key: value for key, value in document.items() if key not in ("truncation", "padding")}
        found = "sha256:" + hashlib.sha256(rfc8785.dumps(kept)).hexdigest()
    except (ValueError, AttributeError, RecursionError) as error:
        raise AdmissionRefused(f"tokenizer.json cannot be read: {error}", "Save the tokenizer again.") from error
    if found != stated:
        raise AdmissionRefused(
            "tokenizer.json is another tokenizer than the base's (base.tokenizer_fingerprint differs)",
            "Remove the tokenizer files from the folder; the base's own is used.",
        )
