"""An adapter made ready to answer rows, for the commands that need answers: the same engine that serves.

Takes a reference or a folder. A folder is first published to a registry of its own that is thrown away afterwards, so
that it goes through the same admission and the same checks as everything that is served.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import open_registry

if TYPE_CHECKING:
    from adapterhub import Backbone, Engine
    from adapterhub.plain.predictor import ModelPredictor
    from adapterhub.tasks import Answer, Row
    from registry import Manifest, Registry
    from registry.manifest.schema import BasePart

base_path_option: Callable[..., Any] = click.option(
    "--base-path",
    type=click.Path(path_type=Path, exists=True),
    help="Folder or GGUF file of the base, where its id alone does not find it.",
)


@dataclass(frozen=True)
class Opened:
    """An adapter that was admitted, in a folder that is not to be written to, and that nothing is loaded for yet."""

    folder: Path
    manifest: Manifest
    reference: str
    registry: Registry

    @contextmanager
    def served(self, base_path: Path | None) -> Iterator[Served]:
        """The adapter on its own base; released on exit.

        Raises:
            BackboneError, AdapterError: the base is not here, or the adapter does not fit it.
        """
        from adapterhub import Engine

        with Engine(load_backbone(self.manifest.base, base_path), self.registry) as engine:
            yield Served(self.manifest, self.reference, engine)

    def in_plain_peft(self, base_path: Path | None) -> ModelPredictor:
        """The adapter on a copy of its base of its own, as anybody opens it who has `peft` alone.

        Raises:
            BackboneError, AdapterError: the base is not here, or the adapter does not fit it.
        """
        from adapterhub.plain.adapted import open_adapter

        return open_adapter(self.folder, base_path)


@dataclass(frozen=True)
class Served:
    """One adapter on a backbone; a Predictor as `adapterhub.evaluate` knows it."""

    manifest: Manifest
    reference: str
    engine: Engine

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row, in order."""
        return self.engine.predict([(self.reference, row) for row in rows])


@contextmanager
def opened(target: str, location: str) -> Iterator[Opened]:
    """The adapter that `target` (a reference or a folder) names; a folder is given up on exit.

    Args:
        location: the registry that the reference is of.

    Raises:
        RegistryError: the reference does not resolve, or the folder is not admitted.
        RunError: the folder is a run's that made no adapter.
    """
    import registry as registries
    from adapterhub.train.run import refuse_without_adapter
    from registry import Manifest

    with tempfile.TemporaryDirectory() as scratch:
        registry: Registry
        if Path(target).is_dir():
            refuse_without_adapter(Path(target))
            registry = registries.open_registry(scratch)
            version = registry.publish(Path(target), "local/folder", "0.0.0")
        else:
            registry = open_registry(location)
            version = registry.resolve(target)
        folder = registry.pull(version)
        yield Opened(folder, Manifest.read(folder), str(version), registry)


@contextmanager
def served(target: str, base_path: Path | None, location: str) -> Iterator[Served]:
    """The adapter that `target` (a reference or a folder) names, on its own base; released on exit.

    Args:
        location: the registry that the reference is of.

    Raises:
        RegistryError: the reference does not resolve, or the folder is not admitted.
        BackboneError, AdapterError: the base is not here, or the adapter does not fit it.
    """
    with opened(target, location) as adapter, adapter.served(base_path) as answering:
        yield answering


def load_backbone(base: BasePart, path: Path | None) -> Backbone:
    """The base as a manifest states it: found by its id, or at `path`.

    Raises:
        BackboneError: it is not here, or cannot be loaded.
    """
    from adapterhub import Backbone

    return Backbone.load(path or base.id, id=base.id if path else None, revision=base.revision)
