"""Who a token stands for, and small questions that clients ask of any Hub."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.errors import NotAuthenticated
from registry.index.tokens import Holder, Membership
from registry.server.principal import ADMIN, READ, WRITE
from registry.server.wire.context import TokenHolder
from registry.server.wire.times import stamp

router = APIRouter()


@router.get("/api/whoami-v2")
def whoami(holder: TokenHolder) -> dict[str, Any]:
    """The user, their organisations, and the token."""
    if holder is None:
        raise NotAuthenticated("Invalid username or password.")
    return {
        "type": "user",
        "id": holder.user,
        "name": holder.user,
        "fullname": holder.fullname or holder.user,
        "email": holder.email,
        "emailVerified": bool(holder.email),
        "isPro": False,
        "avatarUrl": "",
        "isAdmin": holder.admin,  # of this server: an addition to what the Hub says
        "orgs": [_organisation(one) for one in holder.memberships],
        "auth": {"type": "access_token", "accessToken": _token(holder)},
    }


@router.get("/api/agent-harnesses")
def agent_harnesses() -> dict[str, Any]:
    """Asked once a process by huggingface_hub until it is answered; there are none."""
    return {"standardEnvVars": [], "harnesses": {}}


def _organisation(one: Membership) -> dict[str, Any]:
    return {
        "type": "org",
        "id": one.organisation,
        "name": one.organisation,
        "fullname": one.fullname or one.organisation,
        "roleInOrg": one.role,
        "avatarUrl": "",
        "isEnterprise": False,
    }


def _token(holder: Holder) -> dict[str, Any]:
    """The Hub knows tokens that read, that write, and fine-grained ones; `right` and `namespace` say it exactly."""
    role = WRITE if holder.right == ADMIN else holder.right
    about = {"displayName": holder.token, "role": role, "createdAt": stamp(holder.created), "right": holder.right}
    if holder.namespace is None:
        return about
    allowed = ["repo.content.read", *([] if holder.right == READ else ["repo.write"])]
    scoped = [{"entity": {"type": "namespace", "name": holder.namespace}, "permissions": allowed}]
    fine = {"canReadGatedRepos": False, "global": [], "scoped": scoped}
    return about | {"role": "fineGrained", "namespace": holder.namespace, "fineGrained": fine}
