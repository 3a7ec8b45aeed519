"""Who a token stands for, and small questions that clients ask of any Hub."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from registry.errors import NotAuthenticated
from registry.server.wire.context import Caller, Hub
from registry.server.wire.times import stamp

router = APIRouter()


@router.get("/api/whoami-v2")
def whoami(request: Request, hub: Hub, caller: Caller) -> dict[str, Any]:
    """The user, their organisations, and the token."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    holder = hub.accounts.holder(token) if token else None
    if holder is None:
        raise NotAuthenticated("Invalid username or password.")
    access = {"displayName": holder.token, "role": holder.right, "createdAt": stamp(holder.created)}
    orgs = [
        {"type": "org", "name": name, "fullname": name, "roleInOrg": role}
        for name, role in sorted(holder.roles.items())
        if name != holder.user.lower()
    ]
    return {
        "type": "user",
        "id": holder.user,
        "name": holder.user,
        "fullname": holder.fullname or holder.user,
        "email": holder.email,
        "orgs": orgs,
        "auth": {"type": "access_token", "accessToken": access},
    }


@router.get("/api/agent-harnesses")
def agent_harnesses() -> dict[str, Any]:
    """Asked once a process by huggingface_hub until it is answered; there are none."""
    return {"standardEnvVars": [], "harnesses": {}}
