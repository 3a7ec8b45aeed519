"""From what huggingface_hub raises to the registry's errors: the one place on the client's side that knows both.

Our own server names the very class in its body, by its ``code``, and its words are kept. Of other Hubs the class that
huggingface_hub chose decides, or the status.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from httpx2 import HTTPError, InvalidURL
from huggingface_hub import errors as hub
from huggingface_hub.errors import HfHubHTTPError

from registry import errors

LOGIN = "Log in with adapterhub login, or set HF_TOKEN."
UNREACHABLE = "Check the address and the network. What was pulled before can be used with HF_HUB_OFFLINE=1."
RETRY_SECONDS = 60

# The first class that fits, so the special ones come first.
CLASSES: tuple[tuple[type[Exception], type[errors.RegistryError], str], ...] = (
    (hub.GatedRepoError, errors.GatedRepository, "Ask for access on the repository's page, with the same account."),
    (hub.RepositoryNotFoundError, errors.RepositoryNotFound, "Check the name; if it is private, " + LOGIN.lower()),
    (hub.RevisionNotFoundError, errors.RevisionNotFound, "See the versions with adapterhub list OWNER/NAME."),
    (hub.RemoteEntryNotFoundError, errors.EntryNotFound, "See the files on the repository's page."),
    (hub.DisabledRepoError, errors.NotPermitted, "The Hub has disabled it; ask its owners."),
)
STATUSES: dict[int, tuple[type[errors.RegistryError], str]] = {
    400: (errors.RegistryError, "The Hub refused the request as malformed; update adapterhub or huggingface_hub."),
    401: (errors.NotAuthenticated, LOGIN),
    403: (errors.NotPermitted, "Use a token that may write there: adapterhub login."),
    404: (errors.NotFound, "Check the name and the address."),
    408: (errors.RegistryUnavailable, "Try again."),
    409: (errors.Conflict, "Look at what is there, then try again."),
    412: (errors.StaleParent, "Somebody else committed meanwhile; try again."),
    413: (errors.TooLarge, "Make it smaller, or ask the Hub's operator."),
    422: (errors.AdmissionRefused, "Correct it, then publish again."),
    451: (errors.RevokedVersion, "Move to another version of this repository."),
}


def _codes(root: type[errors.RegistryError]) -> dict[str, type[errors.RegistryError]]:
    below = (_codes(child) for child in root.__subclasses__())
    return {root.code: root} | {code: kind for found in below for code, kind in found.items()}


CODES = _codes(errors.RegistryError)


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise what happens inside as the registry's own errors.

    Raises:
        RegistryUnavailable: the Hub at `address` cannot be reached, or fails.
        RegistryError: what it refused, by its own class.
    """
    try:
        yield
    except (HTTPError, InvalidURL, hub.EntryNotFoundError, hub.FileMetadataError, ConnectionError) as error:
        raise refusal(error, address) from error
    except hub.HFValidationError as error:
        raise errors.InvalidReference(str(error), "Write owner/name as the Hub allows it.") from error


def refusal(error: BaseException, address: str) -> errors.RegistryError:
    """The registry's error for one that huggingface_hub or its HTTP client raised."""
    cause = error.__cause__
    if isinstance(error, hub.LocalEntryNotFoundError) and cause is not None:
        return refusal(cause, address)  # it only says that a download did not work; why is below
    if isinstance(error, hub.OfflineModeIsEnabled):
        return errors.RegistryUnavailable(
            f"{address} is not asked, since HF_HUB_OFFLINE is set", "Unset it, or use what was pulled before."
        )
    if not isinstance(error, HfHubHTTPError):
        return errors.RegistryUnavailable(f"{address} cannot be reached: {_first_line(error)}", UNREACHABLE)
    status, (code, said) = error.response.status_code, _body(error)
    if code in CODES and code != errors.RateLimited.code:
        return CODES[code](said)
    words = said or error.server_message or _first_line(error)
    if status == 429:
        seconds = _retry_after(error)
        return errors.RateLimited(f"{address} takes no more requests now: {words}", f"Wait {seconds} seconds.", seconds)
    if status >= 500:
        return errors.RegistryUnavailable(f"{address} failed with status {status}: {words}", "Try again later.")
    for kind, ours, hint in CLASSES:
        if isinstance(error, kind):
            return ours(words, hint)
    ours, hint = STATUSES.get(status, (errors.RegistryError, "Check the address."))
    return ours(words, hint)


def _body(error: HfHubHTTPError) -> tuple[str, str]:
    """What the body says, as our own server writes it: the code and the words; empty where it does not."""
    try:
        document = error.response.json()
    except (ValueError, RuntimeError):  # not JSON, or a stream that was not read: the status has to do
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    said = document.get("error")
    return str(document.get("code", "")), said if isinstance(said, str) else ""


def _retry_after(error: HfHubHTTPError) -> int:
    said = error.response.headers.get("retry-after", "")
    return int(said) if said.isdigit() else RETRY_SECONDS


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
