"""The addresses that clients print for people: the server's own, those of repositories, commits, discussions, files.

There are no pages; what the API says of the same thing is shown.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from registry.selector import check_repository
from registry.server.wire.context import Endpoint
from registry.server.wire.quoting import FILES, address

router = APIRouter()
_NUMBER = re.compile(r"[0-9]{1,10}")
CLIENT = "pip install huggingface_hub, then set HF_ENDPOINT to this address"


@router.get("/")
def home(endpoint: Endpoint) -> dict[str, Any]:
    """What this is."""
    return {"name": "adapterhub", "version": version("adapterhub"), "docs": f"{endpoint}/docs", "client": CLIENT}


@router.get(FILES[0])
@router.get(FILES[1])
@router.get(FILES[0] + "/discussions/{number:segment}")
@router.get(FILES[1] + "/discussions/{number:segment}")
@router.get(FILES[0] + "/commit/{revision:segment}")
@router.get(FILES[1] + "/commit/{revision:segment}")
@router.get(FILES[0] + "/tree/{tree:rest}")
@router.get(FILES[1] + "/tree/{tree:rest}")
def page(request: Request, endpoint: Endpoint) -> RedirectResponse:
    """The API's address of the same thing."""
    path = request.path_params
    own = path["namespace"] == "api" or path["namespace"].startswith("_")  # this server's own addresses, no namespaces
    if own or not _NUMBER.fullmatch(path.get("number", "1")):
        raise HTTPException(404, "Not Found")
    check_repository(f"{path['namespace']}/{path['name']}")
    kind = "datasets" if "kind" in path else "models"
    where = f"{endpoint}/api/{kind}/{quote(path['namespace'], safe='')}/{quote(path['name'], safe='')}"
    if "number" in path:
        where += f"/discussions/{path['number']}"
    elif "revision" in path:
        where += f"/revision/{quote(path['revision'], safe='')}"
    elif "tree" in path:
        where += f"/tree/{quote(path['tree'])}"
    return RedirectResponse(where)


@router.get(FILES[0] + "/blob/{revision:segment}/{path:rest}")
@router.get(FILES[1] + "/blob/{revision:segment}/{path:rest}")
def file(request: Request, endpoint: Endpoint, namespace: str, name: str, revision: str, path: str) -> RedirectResponse:
    """The file itself."""
    kind = request.path_params.get("kind", "model")
    where = address(endpoint, kind, f"{quote(namespace, safe='')}/{quote(name, safe='')}")
    return RedirectResponse(f"{where}/resolve/{quote(revision, safe='')}/{quote(path)}")
