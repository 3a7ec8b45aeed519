"""What a server says is read by its form only where that cannot lead anywhere else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry import Version
from registry.remote.documents import VersionDocument

DOCUMENT: dict[str, Any] = {
    "repository": "acme/intent",
    "number": "1.0.0",
    "digest": "sha256:" + "0" * 64,
    "commit": "0" * 40,
    "status": "active",
    "reason": "",
}


def test_a_version_is_read_and_what_is_new_is_passed_over() -> None:
    read = msgspec.convert(DOCUMENT | {"from_a_later_server": 1}, VersionDocument)
    assert read.version() == Version("acme/intent", "1.0.0", "sha256:" + "0" * 64, "0" * 40)


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "sha256:../../../etc"},
        {"digest": "sha256:" + "0" * 64 + "\n"},
        {"commit": "refs/heads/main"},
        {"commit": "0" * 40 + "\n"},
        {"repository": "../intent"},
        {"repository": "intent"},
        {"number": "latest"},
        {"number": "1.0.0+build"},
        {"status": "fine"},
        {"reason": None},
    ],
    ids=str,
)
def test_what_is_not_of_its_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(DOCUMENT | wrong, VersionDocument)
