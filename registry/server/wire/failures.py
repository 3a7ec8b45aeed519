"""From the registry's errors to HTTP: the one place that knows the statuses, and the codes that Hub clients act on.

``X-Error-Code`` decides which exception huggingface_hub raises (on plain http it is all that does), and
``X-Error-Message`` and the body's ``error`` are what people read.
"""

from __future__ import annotations

import errno
import logging
import sqlite3

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from registry import errors

# The first class that fits, so the special ones come first.
STATUSES: tuple[tuple[type[errors.RegistryError], int, str], ...] = (
    (errors.RepositoryNotFound, 404, "RepoNotFound"),
    (errors.EntryNotFound, 404, "EntryNotFound"),
    (errors.DiscussionNotFound, 404, ""),
    (errors.AccountNotFound, 404, ""),
    (errors.AccessNotFound, 404, ""),
    (errors.NotFound, 404, "RevisionNotFound"),
    (errors.GatedRepository, 403, "GatedRepo"),
    (errors.NotAuthenticated, 401, ""),
    (errors.NotPermitted, 403, ""),
    (errors.StaleParent, 412, ""),
    (errors.AliasConflict, 412, ""),
    (errors.Conflict, 409, ""),
    (errors.VersionImmutable, 403, ""),
    (errors.TakenDown, 451, ""),
    (errors.RevokedVersion, 403, ""),
    (errors.InvalidPath, 422, ""),
    (errors.AdmissionRefused, 422, ""),
    (errors.ManifestError, 422, ""),
    (errors.SignatureError, 422, ""),
    (errors.InvalidKey, 422, ""),
    (errors.BadUpload, 400, ""),
    (errors.MissingDependency, 503, ""),
    (errors.InvalidReference, 400, ""),
    (errors.InvalidAccess, 400, ""),
    (errors.MissingBytes, 400, ""),
    (errors.BadUpload, 400, ""),
    (errors.TooLarge, 413, ""),
    (errors.RateLimited, 429, ""),
    (errors.RegistryUnavailable, 503, ""),
)
ANONYMOUS = {"RepoNotFound", "GatedRepo"}  # 401 for who sent no token: one might help
UNAVAILABLE = "The server cannot do that now. Try again later; if it goes on, tell its operator."
FULL = {errno.ENOSPC, errno.EDQUOT}
RETRY_SECONDS = 5  # after which it is worth trying again what could not be done now

logger = logging.getLogger("registry.server")


def install(app: FastAPI) -> None:
    """Answer every failure of `app`'s endpoints."""
    app.add_exception_handler(errors.RegistryError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(ClientDisconnect, _disconnected)


def failure(
    status: int,
    message: str,
    code: str = "",
    error_code: str = "",
    headers: dict[str, str] | None = None,
    **more: str,
) -> JSONResponse:
    """The response of a failure.

    Args:
        code: this project's own, in the body.
        error_code: the Hub's, in the header.
        more: what else the body holds.
    """
    sent = {"X-Error-Message": one_line(message), **(headers or {})}
    if error_code:
        sent["X-Error-Code"] = error_code
    return JSONResponse({"error": message, "code": code, **more}, status, sent)


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.RegistryError):
        raise error
    if _is_full(error.__cause__):
        return _system(request, error)
    status, error_code = next(((status, code) for kind, status, code in STATUSES if isinstance(error, kind)), (500, ""))
    if error_code in ANONYMOUS and "authorization" not in request.headers:
        status = 401
    headers = dict(getattr(request.state, "failure_headers", {}))
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.seconds)
    if isinstance(error, errors.RegistryUnavailable):
        headers["Retry-After"] = str(RETRY_SECONDS)
    if status >= 500:
        _log(request, error)
        if error.__cause__ is not None:  # made from an error of a library, whose words may tell of the inside
            return failure(status, UNAVAILABLE, error.code, headers=headers)
    return failure(status, str(error).replace("\n", " "), error.code, error_code, headers)


def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    places = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
    return failure(422, "; ".join(places), "malformed")


def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = "EntryNotFound" if error.status_code == 404 else ""
    return failure(error.status_code, str(error.detail), "http", code, dict(error.headers or {}))


def _system(request: Request, error: Exception) -> Response:
    if isinstance(error, TimeoutError):
        return failure(408, "The request's body came too slowly", "slow")
    _log(request, error)
    if _is_full(error) or _is_full(error.__cause__):
        return failure(507, "The server's disk is full. Nothing was stored; tell its operator.", "full")
    return failure(500, "The server failed to read or write a file. Tell its operator.", "system")


def _log(request: Request, error: Exception) -> None:
    """The whole of it, for the operator, with the id that the client is told."""
    identity = getattr(request.state, "request_id", "")
    logger.error("request %s: %s %s: %s", identity, request.method, request.scope["path"], error, exc_info=error)


def _disconnected(request: Request, error: Exception) -> Response:
    """Nobody reads this: the client went away before it had sent all. No fault of the server's, so not logged."""
    return failure(400, "The body ended before its end", "disconnected")


def _is_full(error: BaseException | None) -> bool:
    """Whether a disk had no room: for a file, or for SQLite's."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, DBAPIError):
        return _is_full(error.orig)
    return isinstance(error, OSError) and error.errno in FULL


def one_line(message: str) -> str:
    """A text as a header can carry it: one line of printable ASCII."""
    return "".join(letter if 32 <= ord(letter) < 127 else "?" for letter in message)[:1000]
