"""Where the files of a base are, and what that base is called.

A base is named by its Hub id; the id is never inferred from a config (MiniLM's own names another model) and is never
a path. The id is sought among the entry points ``adapterhub.bases`` (packages that ship a model), then through
``huggingface_hub`` (its cache, or a download where the machine is online). Knows nothing of torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils._validators import validate_repo_id

from adapterhub.backbone import fingerprint
from adapterhub.errors import BackboneError

ENTRY_POINTS = "adapterhub.bases"
CHECKPOINT_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True)
class BaseIdentity:
    """What an adapter's manifest says of its base, in the manifest's own keys."""

    id: str
    revision: str | None
    fingerprint: str
    tokenizer_fingerprint: str
    architecture: str
    source: str | None = None


@dataclass(frozen=True)
class BaseSource:
    """A folder that holds a base in transformers' layout (config, safetensors, tokenizer.json).

    Attributes:
        id: Hub id, the name that adapters know this base by.
        revision: commit of the Hub, where it is known.
        folder: the files.
        source: the GGUF file's name where the weights were converted from one (another fingerprint than the original).
    """

    id: str
    revision: str | None
    folder: Path
    source: str | None = None

    def identity(self) -> BaseIdentity:
        """Fingerprints of the checkpoint and its tokenizer beside the names; the first call reads every weight."""
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        architectures = config.get("architectures") or [config.get("model_type", "")]
        return BaseIdentity(
            id=self.id,
            revision=self.revision,
            fingerprint=fingerprint.checkpoint_fingerprint(self.folder),
            tokenizer_fingerprint=fingerprint.tokenizer_fingerprint(self.folder),
            architecture=str(architectures[0]),
            source=self.source,
        )


def locate(id: str, path: str | Path | None = None, revision: str | None = None) -> BaseSource:
    """Find the files of base `id`: at `path` (a folder or a GGUF file) if given, else by the id alone.

    Raises:
        BackboneError: the id is not a Hub id, nothing is at `path`, or the base is neither here nor to be fetched.
    """
    _check_id(id)
    if path is not None:
        return _from_path(id, Path(path).expanduser(), revision)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == id:
            found = Path(point.load()())
            return _from_path(id, found, revision)
    return _from_hub(id, revision)


def _check_id(id: str) -> None:
    try:
        validate_repo_id(id)
    except HFValidationError as error:
        raise BackboneError(
            f"base id {id!r} is not a Hub id: {error}",
            'Name the base as "owner/name"; files on this machine go into path (in code: Backbone.load(path, id=…)).',
        ) from error


def _from_path(id: str, path: Path, revision: str | None) -> BaseSource:
    if path.suffix == ".gguf" and path.is_file():
        from adapterhub.backbone import gguf

        return BaseSource(id, revision, gguf.converted(path), source=path.name)
    if (path / "config.json").is_file():
        return BaseSource(id, revision, path)
    raise BackboneError(
        f"no base at {path}", "Give a folder with config.json and a safetensors checkpoint, or a .gguf file."
    )


def _from_hub(id: str, revision: str | None) -> BaseSource:
    try:
        folder = Path(snapshot_download(id, revision=revision, allow_patterns=CHECKPOINT_PATTERNS))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        shipped = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
        raise BackboneError(
            f"base {id} is not on this machine and could not be fetched: {str(error).splitlines()[0]}",
            f"Download it once with `hf download {id}`, or give its folder as path. Packages here ship: "
            + ", ".join(shipped),
        ) from error
    return BaseSource(id, folder.name if folder.parent.name == "snapshots" else revision, folder)
