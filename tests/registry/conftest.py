"""A registry in an empty folder, and an adapter to publish."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import LocalRegistry
from tests.registry.folders import write_adapter


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "registry")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")
