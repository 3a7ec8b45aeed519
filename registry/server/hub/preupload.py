"""How each file of a commit to come is to be sent: in the commit itself, or before it as an LFS file."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from registry.index.trees import check_path
from registry.server import files, pushes
from registry.server.hub.attributes import MAX_REGULAR_BYTES, NAME, Attributes, patterns_of
from registry.server.wire.context import Caller, Hub, Readable
from registry.server.wire.quoting import REPOSITORY

router = APIRouter()
MAX_FILES = 256  # as many as huggingface_hub asks about at once
IGNORED = ".gitignore"
MAX_RULES_BYTES = 1 << 18  # of a .gitattributes or .gitignore that is looked at


class File(BaseModel):
    """A file to come; `sample` is its beginning, in base64."""

    path: str
    size: Annotated[int, Field(ge=0)]
    sample: str = ""


class Files(BaseModel):
    """All that are asked about at once; `gitIgnore` is that of the folder they come from."""

    files: Annotated[list[File], Field(max_length=MAX_FILES)]
    gitIgnore: Annotated[str, Field(max_length=MAX_RULES_BYTES)] | None = None


@router.post(REPOSITORY + "/preupload/{revision:segment}")
def preupload(
    body: Files, repository: Readable, hub: Hub, caller: Caller, revision: str, create_pr: Literal["0", "1"] = "0"
) -> dict[str, Any]:
    """For each file whether it is sent in the commit or before it, is ignored, or is there already."""
    pushes.check(hub, caller, repository, revision, create_pr=create_pr == "1")
    tree = hub.history.tree(hub.history.revision(repository, revision).commit)

    def text_of(path: str) -> str:
        entry = tree.get(path)
        if entry is None or entry.size > MAX_RULES_BYTES:
            return ""
        return files.load(hub, entry).decode(errors="replace")

    attributes = Attributes(text_of(NAME))
    ignored = patterns_of((body.gitIgnore or text_of(IGNORED)).splitlines(), IGNORED)
    answers = []
    for file in body.files:
        path = check_path(file.path)
        lfs = file.size > 0 and (file.size > MAX_REGULAR_BYTES or attributes.are_lfs(path) or _is_binary(file.sample))
        known = tree.get(path)
        there = known and (known.oid is None) == lfs  # a client compares with the hash of the kind that we answer
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if lfs else "regular",
                "shouldIgnore": ignored.match_file(path),
                "oid": known.etag if known and there else None,
            }
        )
    return {"files": answers}


def _is_binary(sample: str) -> bool:
    """Whether a file begins as no text does, by git's own rule: a zero byte."""
    try:
        return b"\0" in base64.b64decode(sample)
    except (binascii.Error, ValueError):
        return True
