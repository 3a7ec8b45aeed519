"""From an adapter folder to the exact files that a publish offers for admission: a private copy, corrected.

What is corrected, and nothing else: PEFT writes the path of the base on the trainer's machine into
``base_model_name_or_path`` and into the card's front matter. Where no manifest.json vouches for these files, the path
is replaced by the base's Hub id, so that it neither misleads nor leaks.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

from registry.errors import LeftOutWarning
from registry.folder import CARD, CONFIG, MANIFEST, SIGNATURE, Card, read_card, read_config, survey
from registry.folder.card import FRONT_MATTER
from registry.manifest import Facts
from registry.manifest.derivation import base_id
from registry.selector import is_base_id

NAMES_OF_BASE = ("base_model_name_or_path", "tokenizer_name_or_path")


def gather(folder: Path, target: Path, facts: Facts, *, signed: bool = True) -> dict[str, Path]:
    """Copy what can be published from `folder` to `target`; what cannot is named in a `LeftOutWarning`.

    Args:
        signed: whether a signature comes along, which it should not where a new one will be made.

    Raises:
        AdmissionRefused: the folder is no adapter's, or its base has no Hub id.
    """
    found = survey(folder)
    if found.left_out:
        warnings.warn(f"not published: {', '.join(found.left_out)}", LeftOutWarning, stacklevel=3)
    files = {}
    for place, path in found.files.items():
        if place == SIGNATURE and not signed:
            continue
        files[place] = target / place
        files[place].parent.mkdir(exist_ok=True)
        shutil.copyfile(path, files[place])
    if MANIFEST not in files:
        _name_the_base(files, facts)
    return files


def _name_the_base(files: Mapping[str, Path], facts: Facts) -> None:
    card = read_card(files[CARD]) if CARD in files else Card()
    config = read_config(files[CONFIG])
    base = base_id(config, card, facts)
    paths = {name for name in (card.base_model, config.base_model_name_or_path) if name and not is_base_id(name)}
    document = dict(config.document)
    for key in NAMES_OF_BASE:
        name = document.get(key)
        if name is not None and name != base and (key == NAMES_OF_BASE[0] or not is_base_id(str(name))):
            document[key] = base
    if document != config.document:
        files[CONFIG].write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if CARD in files and paths:
        files[CARD].write_bytes(_without_paths(files[CARD].read_bytes(), paths, base))


def _without_paths(card: bytes, paths: set[str], base: str) -> bytes:
    text = card.decode("utf-8", errors="surrogateescape")
    front = FRONT_MATTER.match(text)
    end = front.end() if front else 0
    head, body = text[:end], text[end:]
    for path in sorted(paths, key=len, reverse=True):
        head = head.replace(path, base)
    return (head + body).encode("utf-8", errors="surrogateescape")
