"""Whether the base that an adapter states is the one that is here: the same weights, the same words."""

from __future__ import annotations

from adapterhub.backbone.source import BaseIdentity
from adapterhub.errors import AdapterError
from registry.manifest.schema import BasePart


def refuse_other_base(stated: BasePart, here: BaseIdentity) -> None:
    """Refuse what was trained on another base, other weights or another tokenizer; what is not stated is not compared.

    Raises:
        AdapterError: with both of what differs.
    """
    if stated.id != here.id:
        raise AdapterError(
            f"the adapter was made for base {stated.id}; the resident backbone is {here.id}",
            f"Load it where {stated.id} is the backbone.",
        )
    if stated.fingerprint not in (None, here.fingerprint):
        raise AdapterError(
            f"the adapter was trained on other weights of {stated.id} ({stated.fingerprint[:19]}…, "
            f"resident {here.fingerprint[:19]}…)",
            "Load the very checkpoint that it was trained on; a converted or requantized base is another base.",
        )
    if stated.tokenizer_fingerprint not in (None, here.tokenizer_fingerprint):
        raise AdapterError(
            f"the adapter was trained with another tokenizer of {stated.id}",
            "Its token ids would mean other words; use the tokenizer that it was trained with.",
        )
