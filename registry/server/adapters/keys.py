"""The keys that a namespace signs its versions with. Public: whoever pulls checks signatures with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.server.adapters.context import refusals
from registry.server.principal import ADMIN
from registry.server.wire.context import Caller, Hub
from registry.signing import PublicKey, Trust

router = APIRouter(prefix="/api/namespaces/{namespace}", tags=["signing"])


class Key(BaseModel):
    """A public key; once retired, it vouches for what was published before."""

    model_config = ConfigDict(from_attributes=True)
    key_id: Annotated[str, Field(description="sha256 of the key's SubjectPublicKeyInfo, in hex")]
    name: str
    public_pem: str
    added: datetime
    retired: datetime | None


class Signing(BaseModel):
    """Whether versions must be signed, and by which keys."""

    required: bool
    keys: list[Key]


class NewKey(BaseModel):
    """A key to trust: an EC P-256 public key in PEM, and a name for people."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=96)]
    public_pem: Annotated[str, Field(max_length=4000)]


class Requirement(BaseModel):
    """Whether versions must be signed from now on."""

    model_config = ConfigDict(extra="forbid")
    required: bool


@router.get("/signing", responses=refusals())
def signing(namespace: str, hub: Hub) -> Signing:
    """Whom the namespace trusts to sign; nobody, where there is no such namespace."""
    return _signing(hub.keys.trust(namespace))


@router.put("/signing", responses=refusals(403, 404))
def require(namespace: str, body: Requirement, hub: Hub, caller: Caller) -> Signing:
    """Require signatures of new versions, or do not."""
    caller.require(ADMIN, namespace)
    hub.keys.require(namespace, body.required, caller.name)
    return _signing(hub.keys.trust(namespace))


@router.post("/signing/keys", status_code=201, responses=refusals(403, 404))
def add(namespace: str, body: NewKey, hub: Hub, caller: Caller) -> Signing:
    """Trust one more key."""
    caller.require(ADMIN, namespace)
    hub.keys.add(namespace, PublicKey.from_pem(body.public_pem), body.name, caller.name)
    return _signing(hub.keys.trust(namespace))


@router.delete("/signing/keys/{key_id}", status_code=204, responses=refusals(403, 404))
def retire(namespace: str, key_id: str, hub: Hub, caller: Caller) -> Response:
    """Retire a key: it signs nothing new, and vouches on for what it signed."""
    caller.require(ADMIN, namespace)
    hub.keys.retire(namespace, key_id, caller.name)
    return Response(status_code=204)


def _signing(trust: Trust) -> Signing:
    return Signing(required=trust.required, keys=[Key.model_validate(one) for one in trust.keys])
