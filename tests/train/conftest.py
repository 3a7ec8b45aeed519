from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.support import Recipes, write_data


@pytest.fixture(scope="session")
def recipes(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipes:
    """Recipes over the tiny base and its data."""
    data = tmp_path_factory.mktemp("rows")
    write_data(data)
    return Recipes(tiny_base, data)
