"""What the operator sees: every vehicle with its place, its records, its telemetry, refusals."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from fleet_backend.api import cursors, items, models
from fleet_backend.api.auth import require_operator
from fleet_backend.api.errors import BadValueError
from fleet_backend.api.hub import Item
from fleet_backend.api.receipts import PROOF_FILE, ReceiptForm, receipt_answer
from fleet_backend.api.routes.commands import LastEventId
from fleet_backend.api.routes.common import NAME, Cursor, Limit, VehicleId
from fleet_backend.api.services import Services, Use
from fleet_backend.api.stream import EventStream, parse_last_id
from fleet_backend.fleet import events, quarantine, records, search, telemetry, vehicles

SHOWN = (events.VEHICLE, events.RECORD, events.REFUSAL, events.COMMAND, events.GAP)
MAX_TIME = 0xFFFFFFFF
Time = Annotated[int, Query(ge=0, le=MAX_TIME)]
router = APIRouter(prefix="/v1/fleet", tags=["fleet"], dependencies=[Depends(require_operator)])


@router.get("/vehicles")
def list_vehicles(services: Use, cursor: Cursor = None, limit: Limit = 100) -> models.FleetVehicles:
    with services.database.read() as connection:
        states = vehicles.states(connection, cursors.name(cursor), limit + 1)
        shown = []
        for state in states[:limit]:
            last = records.refusals(connection, limit=1, vehicle=state.vehicle)
            shown.append(items.fleet_vehicle(state, last[0] if last else None))
    return models.FleetVehicles(items=shown, next=cursors.after(states, limit, "vehicle"))


@router.get("/vehicles/{vehicle}/events")
def list_events(
    vehicle: VehicleId, services: Use, cursor: Cursor = None, limit: Limit = 50
) -> models.Records:
    """Records other than telemetry, newest first."""
    before = cursors.number(cursor)
    with services.database.read() as connection:
        vehicles.get(connection, vehicle)
        rows = records.of_vehicle(connection, vehicle, before, limit + 1)
    shown = [models.Record.model_validate(row.as_item()) for row in rows[:limit]]
    return models.Records(items=shown, next=cursors.after(rows, limit, "id"))


@router.get("/vehicles/{vehicle}/telemetry")
def show_telemetry(
    vehicle: VehicleId,
    services: Use,
    first: Annotated[int, Query(alias="from", ge=0, le=MAX_TIME)] = 0,
    last: Annotated[int, Query(alias="to", ge=0, le=MAX_TIME)] = MAX_TIME,
    step: Literal["raw", "1s", "1min", "1h", "auto"] = "raw",
    points: Annotated[int, Query(ge=1, le=telemetry.MAX_POINTS)] = 1_500,
    cursor: Cursor = None,
) -> models.Telemetry:
    """Columns of equal length by the vehicle's own time; at most the newest 5,000 of them.

    `step` asks for samples or for spans; `auto` chooses the finest that gives at most `points`.
    Older ones: the same request with `cursor` as the answer's `next`, and `step` as its `step`.
    """
    if first > last:
        raise BadValueError("from", "later than `to`")
    with services.database.read() as connection:
        vehicles.get(connection, vehicle)
        chosen: str = step
        if step == "auto":
            chosen = telemetry.step_for(connection, vehicle, first, last, points)
        if chosen == telemetry.RAW:
            before = cursors.numbers(cursor, 3)
            found = telemetry.series(connection, vehicle, first, last, before=before)
        else:
            before = cursors.numbers(cursor, 1)
            found = telemetry.rolled_up(connection, vehicle, first, last, chosen, before=before)
    return items.telemetry(chosen, found)


@router.get("/vehicles/{vehicle}/vss")
def show_vss(vehicle: VehicleId, services: Use) -> models.VssValues:
    """What the vehicle measured last, by the names and in the units of VSS."""
    with services.database.read() as connection:
        return items.vss_values(vehicles.state(connection, vehicle))


@router.get("/refusals")
def list_refusals(services: Use, cursor: Cursor = None, limit: Limit = 50) -> models.RefusedPage:
    """What vehicles refused and what the backend did not believe, newest first."""
    before = cursors.pair(cursor)
    with services.database.read() as connection:
        refused = records.refusals(connection, before[0], limit + 1)
        messages = quarantine.newest(connection, before[1], limit + 1)
    merged = [items.refused_record(row) for row in refused]
    merged += [items.refused_message(row) for row in messages]
    merged.sort(key=lambda item: (item.server_time, item.source, item.id), reverse=True)
    page = merged[:limit]
    more = len(merged) > limit
    return models.RefusedPage(items=page, next=_next(page, before) if more else None)


def _next(page: list[models.Refused], before: tuple[int | None, int | None]) -> str:
    """Each table goes on below the last row of it that was shown, or where it stood."""
    ends = []
    for source, old in zip(("vehicle", "quarantine"), before, strict=True):
        shown = [item.id for item in page if item.source == source]
        ends.append(min(shown) if shown else (10**17 if old is None else old))
    return "-".join(map(str, ends))


@router.get("/statements")
def list_statements(
    services: Use,
    vehicle: Annotated[str | None, Query(pattern=NAME)] = None,
    first: Annotated[int, Query(alias="from", ge=0, le=MAX_TIME)] = 0,
    last: Annotated[int, Query(alias="to", ge=0, le=MAX_TIME)] = MAX_TIME,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> models.Statements:
    """Entries of the log by day, or by vehicle and the vehicle's own day, newest first.

    Entries that hold nothing but a vehicle's measurements are found within two days at most.
    """
    if first > last:
        raise BadValueError("from", "later than `to`")
    time, number = cursors.pair(cursor)
    before = None if time is None or number is None else (time, number)
    with services.database.read() as connection:
        if vehicle is not None:
            vehicles.get(connection, vehicle)
        wanted = search.Wanted(vehicle, first, last)
        found = search.find(connection, wanted, before, limit + 1)
    shown = [items.statement(item) for item in found[:limit]]
    more = len(found) > limit
    return models.Statements(items=shown, next=f"{shown[-1].time}-{shown[-1].id}" if more else None)


@router.get("/receipts/{leaf_index}", response_class=Response)
def receipt(leaf_index: int, services: Use, form: ReceiptForm = PROOF_FILE) -> Response:
    """The receipt of any statement in the ledger."""
    if not 0 <= leaf_index < 1 << 63:
        raise BadValueError("leaf_index", "not a place in the ledger")
    with services.database.read() as connection:
        return receipt_answer(services.ledger, connection, leaf_index, form)


@router.get("/stream", response_class=StreamingResponse)
async def stream(services: Use, last_event_id: LastEventId = None) -> EventStream:
    """Server-sent events `vehicle`, `record`, `refusal`, `command`, `gap` of the whole fleet."""
    last_id = parse_last_id(last_event_id)
    if last_id is None:
        last_id = await run_in_threadpool(_newest, services)
    return services.streams.open(lambda item: item.topic in SHOWN, _named, [], last_id)


def _named(item: Item) -> Item:
    """A vehicle's report says whose it is."""
    if item.topic != events.VEHICLE:
        return item
    return Item(item.id, item.topic, item.subject, {"id": item.subject, **item.data})


def _newest(services: Services) -> int:
    with services.database.read() as connection:
        return events.newest_id(connection)
