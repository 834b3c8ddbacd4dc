"""Grants: the API passes requests to the issuer and shows what came of them. It signs nothing."""

import secrets

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from fleet_backend.api import items, models
from fleet_backend.api.encoding import from_b64u, from_hex
from fleet_backend.api.errors import BadMessageError, UnknownRiderError
from fleet_backend.api.idempotency import once
from fleet_backend.api.routes.common import GrantId, Key
from fleet_backend.api.services import Services, Use
from fleet_backend.fleet import events, grants, riders, vehicles
from fleet_backend.fleet.errors import ExistsError
from protocol import cose
from protocol import request as wire
from protocol.errors import DecodeError

router = APIRouter(prefix="/v1/grants", tags=["grants"])


@router.post("", status_code=202, response_model=models.Grant)
def ask(new: models.NewGrant, key: Key, services: Use) -> Response:
    """Ask for a grant. Follow it by GET; the issuer answers when it has logged and signed it."""
    signed = from_b64u(new.request, "request")
    holder = from_hex(new.rider, "rider", 32)
    try:
        payload, _ = cose.split(signed, cose.PS256, "request")
        asked = wire.decode_grant_request(payload)
    except DecodeError as error:
        raise BadMessageError(error.name, error.where) from error

    def effect(connection: Connection) -> tuple[int, models.Grant]:
        if riders.find(connection, holder) is None:
            raise UnknownRiderError("register the rider's key first")
        vehicles.get(connection, asked.vehicle)
        return 202, _queue(connection, services, asked.vehicle, holder, signed)

    return once(services.database, key, "grants", new, services.now(), effect)


def _queue(
    connection: Connection, services: Services, vehicle: str, holder: bytes, signed: bytes
) -> models.Grant:
    now, name = services.now(), secrets.token_hex(16)
    row = grants.request(connection, name, vehicle, holder, signed, now)
    if row.holder != holder:
        raise ExistsError("this request was sent in the name of another rider")
    if row.public_id == name:
        data = {"id": name, "state": row.state, "reason": None, "vehicle": vehicle}
        events.append(connection, [events.NewEvent(events.GRANT, name, data)], now)
    return items.grant(connection, row)


@router.get("/{grant}")
def show(grant: GrantId, services: Use) -> models.Grant:
    """`issued` only when the grant is in the published ledger."""
    with services.database.read() as connection:
        return items.grant(connection, grants.get(connection, grant))
