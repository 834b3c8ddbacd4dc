"""New gateways: the API passes sealed requests to the registrar and sealed answers back.

It can read neither seal: it has no code, and no key that could answer.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import JSONResponse

from fleet_backend.api import models
from fleet_backend.api.errors import BadMessageError, BusyError, EnrolmentOverError
from fleet_backend.api.services import Use
from fleet_backend.fleet import enrolments
from protocol import enrolment as wire
from protocol import renewal
from protocol.errors import DecodeError

router = APIRouter(prefix="/v1/enrolments", tags=["enrolment"])
MEDIA_TYPE = "application/cbor"
MAX_WAITING = 256
_RETRY_S = 10
EnrolmentId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@router.post("", status_code=202, response_model=models.Enrolment)
def ask(request: Annotated[bytes, Body(media_type=MEDIA_TYPE)], services: Use) -> Response:
    """Ask with a one-time code, or for a renewal. The same request again is the same enrolment, so
    no key is needed; follow it by GET."""
    try:
        wire.decode_unverified(request)
    except DecodeError as error:
        _require_renewal(request, error)
    with services.database.begin() as connection:
        known = enrolments.find(connection, enrolments.name_of(request))
        is_new = known is None or known.state == enrolments.OVER
        if is_new and enrolments.count_waiting(connection) >= MAX_WAITING:
            raise BusyError(_RETRY_S)
        row = enrolments.ask(connection, request, services.now())
    return _told(row)


@router.get("/{enrolment}", response_class=Response, responses={202: {"model": models.Enrolment}})
def show(enrolment: EnrolmentId, services: Use) -> Response:
    """202 while the registrar has not decided, 200 with its sealed answer, 410 afterwards."""
    with services.database.read() as connection:
        row = enrolments.get(connection, enrolment)
    if row.state == enrolments.OVER:
        raise EnrolmentOverError(row.reason or "the answer was there for a day")
    if row.answer is not None:
        return Response(row.answer, media_type=MEDIA_TYPE)
    return _told(row)


def _require_renewal(request: bytes, first: DecodeError) -> None:
    """Raises BadMessageError: which of the two it was to be decides the reason that is told."""
    try:
        renewal.decode_unverified(request)
    except DecodeError as error:
        told = error if first.name == "cose-algorithm" else first
        raise BadMessageError(told.name, told.where) from error


def _told(row: enrolments.Enrolment) -> Response:
    body = models.Enrolment.model_validate({"id": row.id, "state": row.state})
    headers = {"Location": f"/v1/enrolments/{row.id}"}
    return JSONResponse(body.model_dump(), 202, headers)
