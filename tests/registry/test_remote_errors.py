"""Whatever a Hub or the network answers comes out as the registry's own errors."""

from __future__ import annotations

import json

import httpx2
import pytest
from huggingface_hub.errors import FileMetadataError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils._http import hf_raise_for_status

from registry import errors
from registry.remote.failures import CODES, refusal, translated

HUB = "https://hub.example.org"


def answer(status: int, headers: dict[str, str] | None = None, body: object = None) -> httpx2.Response:
    request = httpx2.Request("GET", f"{HUB}/api/models/acme/intent")
    return httpx2.Response(status, headers=headers, content=json.dumps(body).encode(), request=request)


def refused(response: httpx2.Response) -> errors.RegistryError:
    with pytest.raises(errors.RegistryError) as caught, translated(HUB):
        hf_raise_for_status(response)
    return caught.value


@pytest.mark.parametrize("code", sorted(set(CODES) - {"rate-limited"}))
def test_our_own_server_names_the_class_and_its_words_are_kept(code: str) -> None:
    error = refused(answer(422, body={"error": "adapter_config.json: r is -1", "code": code}))
    assert type(error) is CODES[code]
    assert error.message == "adapter_config.json: r is -1"


def test_every_error_of_the_registry_has_a_code_here() -> None:
    assert {errors.AdmissionRefused, errors.OnlyYanked, errors.TakenDown} <= set(CODES.values())


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, errors.RepositoryNotFound),
        (404, {"X-Error-Code": "RepoNotFound"}, errors.RepositoryNotFound),
        (404, {"X-Error-Code": "RevisionNotFound"}, errors.RevisionNotFound),
        (404, {"X-Error-Code": "EntryNotFound"}, errors.EntryNotFound),
        (403, {"X-Error-Code": "GatedRepo"}, errors.GatedRepository),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, errors.NotPermitted),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, errors.NotAuthenticated),
        (403, {}, errors.NotPermitted),
        (404, {}, errors.NotFound),
        (409, {}, errors.Conflict),
        (412, {}, errors.StaleParent),
        (413, {}, errors.TooLarge),
        (422, {}, errors.AdmissionRefused),
        (451, {}, errors.RevokedVersion),
        (429, {}, errors.RateLimited),
        (500, {}, errors.RegistryUnavailable),
        (503, {}, errors.RegistryUnavailable),
        (400, {}, errors.RegistryError),
        (418, {}, errors.RegistryError),
    ],
)
def test_of_other_hubs_the_class_or_the_status_decides(
    status: int, headers: dict[str, str], expected: type[errors.RegistryError]
) -> None:
    error = refused(answer(status, headers, {"error": "the Hub's words"}))
    assert type(error) is expected
    assert "the Hub's words" in error.message
    assert error.hint


def test_a_limit_says_when_to_come_back() -> None:
    error = refused(answer(429, {"Retry-After": "17"}, {"error": "slow down", "code": "rate-limited"}))
    assert isinstance(error, errors.RateLimited)
    assert (error.seconds, "17 seconds" in error.hint) == (17, True)


@pytest.mark.parametrize(
    "raised",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("gone"),
        ConnectionResetError("gone"),
        OfflineModeIsEnabled("offline"),
        FileMetadataError("no commit"),
        LocalEntryNotFoundError("not here"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_reached_is_unavailable(raised: Exception) -> None:
    with pytest.raises(errors.RegistryUnavailable, match=HUB) as caught, translated(HUB):
        raise raised
    assert caught.value.__cause__ is raised


def test_a_failed_download_says_why() -> None:
    cause = httpx2.ConnectError("no route to host")
    error = LocalEntryNotFoundError("an error happened while trying to locate the file")
    error.__cause__ = cause
    assert "no route to host" in refusal(error, HUB).message


def test_names_that_the_hub_does_not_allow() -> None:
    with pytest.raises(errors.InvalidReference, match="bad name"), translated(HUB):
        raise HFValidationError("bad name")


def test_bugs_are_not_hidden() -> None:
    with pytest.raises(KeyError), translated(HUB):
        raise KeyError("a bug")
