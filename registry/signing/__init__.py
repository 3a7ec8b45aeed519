"""Signatures of versions, in the format of OpenSSF Model Signing: making keys, signing a folder, and who is trusted.

A signature is the file ``manifest.sig`` of a version. It covers every file of it but itself and ``.gitattributes``,
``manifest.json`` included, and is no part of the version's digest. The stock command ``model_signing verify key``
checks it too. The packages that this needs are imported when a signature is made or checked against a key, not before.

Not covered: a signature says nothing of a repository or a number, so whoever may publish to a namespace can publish
again, under another name, what its keys once signed. When a version was published is the registry's word.
"""

from __future__ import annotations

from registry.signing.keys import PublicKey, new_key_pair
from registry.signing.sealing import seal
from registry.signing.signature import sign, verify, verify_digests
from registry.signing.trust import TRUST_FILE, Trust, TrustStore
from registry.signing.trusted import TrustedKey

__all__ = [
    "TRUST_FILE",
    "PublicKey",
    "Trust",
    "TrustStore",
    "TrustedKey",
    "new_key_pair",
    "seal",
    "sign",
    "verify",
    "verify_digests",
]
