"""Checking a model card before it is uploaded, as Hub clients ask for each README.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse

from registry.errors import AdmissionRefused
from registry.folder.card import front_matter

router = APIRouter()
NO_METADATA = "empty or missing yaml metadata in repo card"  # the Hub's own words
TEXT = ("pipeline_tag", "library_name")
TEXTS = ("license", "language", "tags", "datasets", "metrics", "base_model")  # one, or a list


class Content(BaseModel):
    """A README.md."""

    content: str
    repoType: str = "model"


@router.post("/api/validate-yaml")
def validate(body: Content) -> JSONResponse:
    """What is wrong with the front matter. Always answers with both keys, since clients read them before the status."""
    try:
        document = front_matter(body.content)
    except AdmissionRefused as error:
        return _answer([str(error).replace("\n", " ")])
    if not document:
        return _answer([], [NO_METADATA])
    return _answer(list(_wrong(document)))


def _wrong(document: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(document.get("model-index", []), list):
        yield '"model-index" must be an array'
    for key in TEXT:
        if not isinstance(document.get(key), str | None):
            yield f'"{key}" must be a string'
    for key in TEXTS:
        value = document.get(key)
        values = value if isinstance(value, list) else [value]
        if value is not None and not all(isinstance(one, str) for one in values):
            yield f'"{key}" must be a string or an array of strings; quote what YAML reads as a number or as yes or no'


def _answer(errors: list[str], warnings: list[str] | None = None) -> JSONResponse:
    told = {"errors": [{"message": one} for one in errors], "warnings": [{"message": one} for one in warnings or []]}
    return JSONResponse(told, 400 if errors else 200)
