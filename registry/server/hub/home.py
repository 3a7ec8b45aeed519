"""The addresses that clients print for people: the server's own, and those of repositories, commits and discussions.

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

from registry.selector import is_base_id
from registry.server.wire.context import Endpoint
from registry.server.wire.quoting import FILES

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
def page(request: Request, endpoint: Endpoint) -> RedirectResponse:
    """The API's address of the same thing."""
    path = request.path_params
    own = path["namespace"] == "api" or path["namespace"].startswith("_")  # this server's own addresses, no namespaces
    if own or not is_base_id(f"{path['namespace']}/{path['name']}") or not _NUMBER.fullmatch(path.get("number", "1")):
        raise HTTPException(404, "Not Found")
    kind = "datasets" if "kind" in path else "models"
    where = f"{endpoint}/api/{kind}/{quote(path['namespace'], safe='')}/{quote(path['name'], safe='')}"
    if "number" in path:
        where += f"/discussions/{path['number']}"
    elif "revision" in path:
        where += f"/revision/{quote(path['revision'], safe='')}"
    return RedirectResponse(where)
