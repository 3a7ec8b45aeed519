"""Repositories that are not kept here, whatever they are called: those whose id names no owner, and spaces.

Clients ask for them all the same (``from_pretrained("bert-base-uncased")``), and must be told that the repository is
not there: that a file is not there would mean, for them, that the repository is.
"""

from __future__ import annotations

from fastapi import APIRouter

from registry.errors import RepositoryNotFound

router = APIRouter()
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]
WITHOUT_OWNER = "/api/{kind:kind}/{name:segment}"
ASKED = ("revision", "tree", "paths-info", "refs", "commits", "preupload", "commit", "discussions", "auth-check")


@router.api_route(WITHOUT_OWNER, methods=METHODS)
@router.api_route("/{name:segment}/resolve/{rest:rest}", methods=METHODS)
def without_owner(name: str) -> None:
    """Say that it is not there.

    Raises:
        RepositoryNotFound: always.
    """
    raise RepositoryNotFound(f"there is no repository {name}", "Write its id as owner/name.")


for word in ASKED:  # not whatever follows: of a repository that is here, an unknown endpoint is asked in the same form
    router.add_api_route(f"{WITHOUT_OWNER}/{word}", without_owner, methods=METHODS)
    router.add_api_route(f"{WITHOUT_OWNER}/{word}/{{rest:rest}}", without_owner, methods=METHODS)


@router.api_route("/api/spaces/{name:rest}", methods=METHODS)
@router.api_route("/spaces/{name:rest}", methods=METHODS)
def space(name: str) -> None:
    """Say that it is not there.

    Raises:
        RepositoryNotFound: always.
    """
    raise RepositoryNotFound(f"there is no space {name}", "This server keeps models and data sets only.")
