"""Which version a reference means now."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from registry.resolve import choose
from registry.selector import MAX_SELECTOR, Kind, parse_reference
from registry.server.adapters.context import refusals
from registry.server.adapters.context import router as new_router
from registry.server.adapters.documents import VersionDocument
from registry.server.adapters.versions import find
from registry.server.wire import notices
from registry.server.wire.context import Caller, Hub

router = new_router("versions")
MAX_REFERENCE = 2 * 96 + 2 + MAX_SELECTOR  # characters


@router.get("/api/resolve", responses=refusals(400, 403, 404))
def resolve_reference(
    response: Response,
    hub: Hub,
    caller: Caller,
    reference: Annotated[
        str,
        Query(
            description="`owner/name`, or `owner/name@selector`: a version (`1.4.0`), an npm range (`^1.4`), an alias "
            "(`production`) or a digest (`sha256:…`). A bare id means the highest version that is neither a "
            "pre-release, yanked nor revoked.",
            max_length=MAX_REFERENCE,
            examples=["acme/intent@^1.4"],
        ),
    ],
) -> VersionDocument:
    """The version that a reference means now. Read its files at its `commit`, which never changes.

    A revoked version is refused with 403 and the reason; a yanked one, where it is pinned, comes with a warning.
    """
    parsed = parse_reference(reference)
    namespace, _, name = parsed.repository.partition("/")
    repository = find(hub, caller, namespace, name, pinned=parsed.selector.kind is Kind.DIGEST)
    releases = {one.version.version: one for one in hub.releases.all(repository)}
    chosen = choose(parsed, [one.version for one in releases.values()], hub.releases.aliases(repository))
    if chosen.status == "yanked":
        response.headers.update(notices.yanked(str(chosen), chosen.reason))
    return VersionDocument.of(releases[chosen.version])
