"""Commands: signed presentations on their way to a vehicle, which alone decides."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from fleet_backend.api import items, models
from fleet_backend.api.downlink import tell
from fleet_backend.api.encoding import from_b64u
from fleet_backend.api.errors import (
    BadMessageError,
    BusyError,
    NotAnsweredError,
    NotFoundError,
    OtherVehicleError,
)
from fleet_backend.api.follow import Follower
from fleet_backend.api.idempotency import once
from fleet_backend.api.receipts import PROOF_FILE, ReceiptForm, receipt_answer
from fleet_backend.api.routes.common import CommandId, Key, VehicleId
from fleet_backend.api.services import Services, Use
from fleet_backend.api.stream import EventStream, parse_last_id
from fleet_backend.fleet import challenges, commands, records, vehicles
from protocol import presentation
from protocol.errors import DecodeError
from protocol.presentation import Presentation

MAX_QUEUED = 32  # for one vehicle
router = APIRouter(prefix="/v1", tags=["commands"])
LastEventId = Annotated[str | None, Header(max_length=40)]


@router.post("/vehicles/{vehicle}/commands", status_code=202, response_model=models.Command)
def send(vehicle: VehicleId, new: models.NewCommand, key: Key, services: Use) -> Response:
    """Hand over a presentation. It is read and not verified: the vehicle decides."""
    data = from_b64u(new.presentation, "presentation")
    try:
        asked = presentation.decode(data)
    except DecodeError as error:
        raise BadMessageError(error.name, error.where) from error
    if asked.command.vehicle != vehicle:
        raise OtherVehicleError(f"the command is for {asked.command.vehicle}")

    def effect(connection: Connection) -> tuple[int, models.Command]:
        return 202, _queue(connection, services, asked, data)

    services.watch.begin(asked.command_id.hex())
    answer = once(services.database, key, f"commands {vehicle}", new, services.now(), effect)
    services.watch.accepted(asked.command_id)
    services.downlink.wake()
    return answer


def _queue(
    connection: Connection, services: Services, asked: Presentation, data: bytes
) -> models.Command:
    now, name = services.now(), asked.command.vehicle
    vehicles.get(connection, name)
    known = commands.find(connection, asked.command_id)
    if known is None and len(commands.in_state(connection, commands.QUEUED, name)) >= MAX_QUEUED:
        raise BusyError(services.settings.command_ttl_s)
    expires = now + services.settings.command_ttl_s
    row = commands.create(
        connection, asked.command_id, name, asked.command.action, data, expires, now
    )
    if known is None:
        # It works once: the next one who asks gets the next one.
        challenges.drop(connection, name, asked.command.challenge)
        tell(connection, row, now)
    return items.command(connection, row)


@router.get("/commands/{command}")
def show(command: CommandId, services: Use) -> models.Command:
    """Where it is; `executed`, `pending` and `refused` are the vehicle's own record."""
    with services.database.read() as connection:
        return items.command(connection, commands.get(connection, bytes.fromhex(command)))


@router.get("/commands/{command}/receipt", response_class=Response)
def receipt(command: CommandId, services: Use, form: ReceiptForm = PROOF_FILE) -> Response:
    """Proof that the vehicle obeyed is in the ledger, to be verified offline."""
    with services.database.read() as connection:
        row = commands.get(connection, bytes.fromhex(command))
        if row.record_id is None:
            raise NotAnsweredError("the vehicle has not answered yet")
        if row.state == commands.REFUSED:
            # A statement holds all of its records: whoever is refused would be shown where the
            # one goes who has the vehicle.
            raise NotFoundError("the receipt of a refusal is the operator's")
        leaf = records.get(connection, row.record_id).leaf_index
        if leaf is None:
            raise NotAnsweredError("the answer is not in the ledger yet")
        return receipt_answer(services.ledger, connection, leaf, form)


@router.get("/commands/{command}/stream", response_class=StreamingResponse)
async def stream(
    command: CommandId, services: Use, last_event_id: LastEventId = None
) -> EventStream:
    """Server-sent events `command` and, while the ride lasts, `vehicle`."""
    last_id = parse_last_id(last_event_id)
    follower = await run_in_threadpool(_follow, services, command)
    first = follower.first if last_id is None else []
    since = follower.newest if last_id is None else last_id
    return services.streams.open(follower.wants, follower.choose, first, since, public=True)


def _follow(services: Services, command: str) -> Follower:
    with services.database.read() as connection:
        return Follower(connection, commands.get(connection, bytes.fromhex(command)))
