"""Rows of the fleet as the API shows them. What is private is left out here and nowhere else."""

from dataclasses import asdict

from sqlalchemy import Connection

from fleet_backend.fleet import commands, grants, records, search, statements
from fleet_backend.fleet.errors import UnknownError
from fleet_backend.fleet.gaps import Gap
from fleet_backend.fleet.quarantine import Message
from fleet_backend.fleet.records import RecordRow
from fleet_backend.fleet.sightings import DisagreementRow, SeenRow
from fleet_backend.fleet.telemetry import Series
from fleet_backend.fleet.vehicles import State
from fleet_backend.fleet.workorders import WorkOrderRow
from protocol import statement as wire
from protocol import vss, workorder

from . import models, refusals
from .encoding import to_b64u

LOCKED = "LOCKED"
_SLEEPS_DEEPLY = 3  # `rest` of a TELEMETRY record from which on no message wakes it


def telemetry(step: str, found: Series) -> models.Telemetry:
    """`step` as it was chosen."""
    after = None if found.before is None else "-".join(map(str, found.before))
    shown = {"step": step, "time": found.time, **found.columns, "due": found.due, "next": after}
    return models.Telemetry.model_validate(shown)


def vehicle(state: State) -> models.Vehicle:
    """For anybody: where a vehicle is that somebody uses is nobody's business."""
    in_use = state.state != LOCKED
    return models.Vehicle.model_validate(
        {
            "id": state.vehicle,
            "state": state.state,
            "available": _is_available(state),
            "online": state.online,
            "soc_permille": state.soc_permille,
            "lat_e7": None if in_use else state.lat_e7,
            "lon_e7": None if in_use else state.lon_e7,
            "heading_cdeg": None if in_use else state.heading_cdeg,
            "updated": state.server_time,
        }
    )


def _is_available(state: State) -> bool:
    """Would it take a session now? Drowsy it would; in its deepest sleep it hears nothing."""
    return state.online and state.state == LOCKED and (state.rest or 0) < _SLEEPS_DEEPLY


def report(state: State) -> dict[str, object]:
    """A vehicle's newest report, as the streams carry it."""
    shown = ("state", "rest", "speed_mmps", "odometer_m", "soc_permille", "pack_mv")
    place = ("lat_e7", "lon_e7", "heading_cdeg", "time")
    return {name: getattr(state, name) for name in (*shown, *place)}


def fleet_vehicle(state: State, last: RecordRow | None) -> models.FleetVehicle:
    """For the operator."""
    values = {**asdict(state), "id": state.vehicle, "updated": state.server_time}
    values["available"] = _is_available(state)
    values["last_refusal"] = None if last is None else refused_record(last).model_dump()
    return models.FleetVehicle.model_validate(values)


def vss_values(state: State) -> models.VssValues:
    """What is not known is left out, and so is what VSS has no name for."""
    body = {name: getattr(state, name) for name in (*vss.FIELDS, *vss.BITS)}
    known = {name: value for name, value in body.items() if value is not None}
    return models.VssValues(version=vss.VERSION, time=state.time, values=vss.convert(known))


def grant(connection: Connection, row: grants.GrantRow) -> models.Grant:
    """The chain shows only once it is issued."""
    chain = row.chain if row.state == grants.ISSUED else None
    leaf = None
    if row.leaf_hash is not None:
        leaf = statements.by_hash(connection, row.leaf_hash).leaf_index
    state = grants.REQUESTED if row.state == grants.CLAIMED else row.state
    return models.Grant.model_validate(
        {
            "id": row.public_id,
            "state": state,
            "reason": row.reason,
            "grants": [to_b64u(item) for item in chain.grants] if chain else [],
            "keys": [to_b64u(item) for item in chain.keys] if chain else [],
            "leaf_index": leaf,
        }
    )


def command(connection: Connection, row: commands.CommandRow) -> models.Command:
    leaf = None
    if row.record_id is not None:
        leaf = records.get(connection, row.record_id).leaf_index
    refused = row.state == commands.REFUSED and row.refusal_code is not None
    return models.Command.model_validate(
        {
            "id": row.id.hex(),
            "vehicle": row.vehicle,
            "action": row.action,
            "state": row.state,
            "refusal": refusals.describe(row.refusal_code or 0) if refused else None,
            "created": row.created,
            "updated": row.updated,
            "expires": row.expires,
            "leaf_index": leaf,
        }
    )


def command_by_hex(connection: Connection, text: str) -> models.Command | None:
    """The command that an event names."""
    try:
        return command(connection, commands.get(connection, bytes.fromhex(text)))
    except UnknownError:
        return None


def statement(found: search.Found) -> models.Statement:
    values = {
        **vars(found),
        "statement_hash": found.statement_hash.hex(),
        "kind_name": wire.KINDS[found.kind],
        "records": [row.as_item() for row in found.records],
    }
    return models.Statement.model_validate(values)


def refused_record(row: RecordRow) -> models.Refused:
    return models.Refused.model_validate(
        {
            **row.as_item(),
            "source": "vehicle",
            "code": row.body["code"],
            "name": records.refusal_name(row.body["code"]),
            "where": f"record {row.boot}/{row.seq}",
            "action": row.body["action"],
        },
        extra="ignore",
    )


def refused_message(message: Message) -> models.Refused:
    return models.Refused.model_validate(
        {
            "id": message.id,
            "source": "quarantine",
            "vehicle": None,
            "gateway": message.gateway,
            "code": None,
            "name": message.reason,
            "where": ", ".join(filter(None, (message.topic, message.detail))),
            "action": None,
            "seq": message.seq,
            "time": None,
            "server_time": message.server_time,
            "leaf_index": None,
        }
    )


def sighting(row: SeenRow) -> models.Sighting:
    """A note was read as one when it was taken, so it is UTF-8."""
    texts = {"public_key": to_b64u(row.public_key), "sighting": to_b64u(row.sighting)}
    return models.Sighting.model_validate({**vars(row), **texts, "note": row.note.decode()})


def disagreement(row: DisagreementRow) -> models.Disagreement:
    texts = {"public_key": to_b64u(row.public_key), "sighting": to_b64u(row.sighting)}
    notes = {"held": row.held.decode(), "refused": row.refused.decode()}
    return models.Disagreement.model_validate({**vars(row), **texts, **notes})


def work_order(row: WorkOrderRow) -> models.WorkOrder:
    said = {} if row.order is None else workorder.named(row.order)
    values = {**vars(row), "release": row.release.hex()}
    del values["order"]
    shown = {name: said.get(name) for name in ("mechanic", "tests")}
    return models.WorkOrder.model_validate(values | shown)


def gap(row: Gap) -> models.Gap:
    """The whole of one that is filled; of an open one what is left."""
    shown = (row.first, row.last) if row.filled is None else (row.whole_first, row.whole_last)
    return models.Gap(
        id=row.id,
        gateway=row.gateway,
        first=shown[0],
        last=shown[1],
        since=row.since,
        filled=row.filled,
    )
