"""Every error's answer, in one table: problem+json of RFC 9457.

`type` is a relative reference that the API itself answers (`/problems/<name>`). What a client
sent is named, never repeated.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from fleet_backend.fleet import errors as fleet
from fleet_backend.ledger.errors import LedgerError

from . import errors

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20


@dataclass(frozen=True)
class Kind:
    """One kind of problem: the last part of its type, its status and its title."""

    name: str
    status: int
    title: str


TABLE: dict[type[Exception], Kind] = {
    errors.BadValueError: Kind("bad-value", 400, "A value is not what it must be"),
    errors.BadMessageError: Kind("malformed", 400, "A signed document cannot be read"),
    errors.MissingKeyError: Kind("idempotency-key", 400, "An Idempotency-Key is needed"),
    errors.UnauthorizedError: Kind("unauthorized", 401, "Operators only"),
    errors.ProofError: Kind("proof", 403, "The signature is not of this key"),
    errors.StaleProofError: Kind("stale-proof", 403, "The signature is not fresh"),
    errors.NotFoundError: Kind("not-found", 404, "There is nothing here"),
    errors.UnknownRiderError: Kind("unknown-rider", 404, "The rider is not registered"),
    errors.NoChallengeError: Kind("no-challenge", 404, "The vehicle has no fresh challenge"),
    errors.NotAnsweredError: Kind("not-logged-yet", 404, "Not in the ledger yet"),
    errors.SlowBodyError: Kind("slow-body", 408, "The body did not arrive in time"),
    errors.OtherVehicleError: Kind("other-vehicle", 409, "Made for another vehicle"),
    errors.EnrolmentOverError: Kind("enrolment-over", 410, "The enrolment is over"),
    errors.TooLargeError: Kind("too-large", 413, "The body is too large"),
    errors.MediaTypeError: Kind("media-type", 415, "The body is of another media type"),
    errors.ReusedKeyError: Kind("idempotency-key-reused", 422, "The key was used before"),
    errors.BusyError: Kind("too-many-requests", 429, "Too many requests"),
    errors.TooManyStreamsError: Kind("too-many-streams", 503, "Too many live streams"),
    fleet.UnknownError: Kind("not-found", 404, "There is nothing here"),
    fleet.NotLoggedError: Kind("not-logged-yet", 404, "Not in the ledger yet"),
    fleet.ExistsError: Kind("exists", 409, "The name is taken by another one"),
    fleet.LifecycleError: Kind("state", 409, "Not possible in the present state"),
    fleet.ErasedError: Kind("erased", 410, "The content was erased"),
    fleet.ValueRefusedError: Kind("refused-value", 422, "A value cannot be kept or shown"),
    fleet.OperationError: Kind("database", 503, "The database cannot be used now"),
    SQLAlchemyError: Kind("database", 503, "The database cannot be used now"),
    LedgerError: Kind("ledger", 503, "The ledger cannot be read now"),
}
INVALID = Kind("invalid", 422, "The request does not have the form that is documented")
INTERNAL = Kind("internal", 500, "The server has a fault")
UNHEALTHY = Kind("unhealthy", 503, "A part of the backend cannot be reached")
NAMED = {kind.name: kind for kind in (*TABLE.values(), INVALID, INTERNAL, UNHEALTHY)}


def kind_of(error: Exception) -> Kind:
    """The entry for an error or for the nearest of its ancestors that has one."""
    return next((TABLE[base] for base in type(error).__mro__ if base in TABLE), INTERNAL)


def answer(
    kind: Kind,
    detail: str = "",
    headers: dict[str, str] | None = None,
    **members: Any,
) -> JSONResponse:
    """The response for one kind of problem."""
    body = {"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status}
    more = {name: value for name, value in members.items() if value}
    shown = {"detail": detail} if detail else {}
    return JSONResponse({**body, **shown, **more}, kind.status, headers, media_type=MEDIA_TYPE)


def answer_error(error: Exception) -> JSONResponse:
    """The response for an error of the table."""
    kind = kind_of(error)
    # What SQL or the disk said is for the log, not for the client.
    detail = str(error) if isinstance(error, errors.ApiError | fleet.RequestError) else ""
    headers = {}
    if isinstance(error, errors.UnauthorizedError):
        headers["WWW-Authenticate"] = 'Bearer realm="operator"'
    if isinstance(error, errors.BusyError):
        headers["Retry-After"] = str(error.retry_s)
    members = {name: getattr(error, name, "") for name in ("reason", "where")}
    if kind.status >= 500:
        log.error("%s: %s", kind.name, error)
    return answer(kind, detail, headers, **members)


async def _on_error(_: Request, error: Exception) -> JSONResponse:
    return answer_error(error)


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    status = HTTPStatus(getattr(error, "status_code", 500))
    kind = Kind(status.phrase.lower().replace(" ", "-"), status.value, status.phrase)
    return answer(kind, headers=dict(getattr(error, "headers", None) or {}))


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    told = error.errors() if isinstance(error, RequestValidationError) else []
    found = [
        {"where": ".".join(map(str, item["loc"]))[:200], "detail": item["msg"][:200]}
        for item in told[:MAX_ERRORS]
    ]
    return answer(INVALID, errors=found)


async def _on_fault(_: Request, error: Exception) -> JSONResponse:
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return answer(INTERNAL)


def install(app: FastAPI) -> None:
    """Handlers for the whole application."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
        **dict.fromkeys(TABLE, _on_error),
        HTTPException: _on_http_error,
        RequestValidationError: _on_invalid,
        Exception: _on_fault,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
