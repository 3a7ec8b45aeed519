"""What was given is not what it has to be."""

from __future__ import annotations

from registry.errors.root import RegistryError


class InvalidReference(RegistryError):
    """A repository id, version, alias or selector is not well formed."""

    code = "invalid-reference"


class InvalidPath(RegistryError):
    """What should be the path of a file in a repository is none."""

    code = "invalid-path"


class MissingBytes(RegistryError):
    """A commit names bytes that were not uploaded."""

    code = "missing-bytes"


class ManifestError(RegistryError):
    """manifest.json is not valid; the message starts with the place in it."""

    code = "manifest"


class AdmissionRefused(RegistryError):
    """The content cannot become a version; the message names the file."""

    code = "admission-refused"


class CorruptBlob(RegistryError):
    """Bytes are not those that were published; the message names the file."""

    code = "corrupt"


class BadUpload(RegistryError):
    """What a client sent breaks its format, its limits or its own hash; the message names the place."""

    code = "bad-upload"


class SignatureError(RegistryError):
    """A version is not signed as its namespace requires."""

    code = "signature"


class SignatureMissing(SignatureError):
    """The namespace takes signed versions only, and this one is not."""

    code = "signature-missing"


class SignatureInvalid(SignatureError):
    """The signature is over other files, or not by a key that is trusted; the message says which."""

    code = "signature-invalid"


class InvalidKey(RegistryError):
    """A key cannot be made, read or found."""

    code = "key"


class TrustError(RegistryError):
    """The file of trusted keys is not valid; the message starts with the place in it."""

    code = "trust"


class LockError(RegistryError):
    """adapters.lock is not valid, or does not allow what is asked for."""

    code = "lock"
