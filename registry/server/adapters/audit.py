"""The audit log, for those who answer for a namespace or for the server."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from registry.server.adapters.context import refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import AuditDocument
from registry.server.principal import ADMIN
from registry.server.wire.context import Caller, Endpoint, Hub
from registry.server.wire.pages import next_page

router = new_router("audit")
PAGE = 1000  # entries


@router.get("/api/audit", responses=refusals(401, 403))
def audit(
    request: Request,
    response: Response,
    hub: Hub,
    caller: Caller,
    endpoint: Endpoint,
    namespace: Annotated[
        str | None, Query(description="Only what is about repositories of this user or organisation.")
    ] = None,
    repository: Annotated[str | None, Query(description="Only what is about this one, `owner/name`.")] = None,
    before: Annotated[int | None, Query(ge=0, lt=1 << 63, description="Only entries of lower ids.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
) -> list[AuditDocument]:
    """Changes and refusals, the newest first; a `Link` header names the next page.

    For administrators of the namespace or of the repository's; without either, for those of the server.
    """
    owner = namespace if namespace is not None else repository and repository.partition("/")[0]
    if owner:
        caller.require(ADMIN, owner)
    else:
        caller.require_server_admin()
    found = hub.log.page(namespace=namespace, repository=repository, before=before, limit=limit + 1)
    if len(found) > limit:
        response.headers["Link"] = next_page(request, endpoint, before=str(found[limit - 1].id))
    return [AuditDocument.of(entry) for entry in found[:limit]]
