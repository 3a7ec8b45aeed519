from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.support.tiny import make_tiny_chat


@pytest.fixture(scope="session")
def tokenizer(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoTokenizer.from_pretrained(make_tiny_chat(tmp_path_factory.mktemp("chat") / "base", tiny_base))
