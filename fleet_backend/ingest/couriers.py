"""What gateways tell beside statements: challenges, their own status, and how a command fares.

These are not signed; the broker vouches for the topic. So they may move a command towards the
vehicle or end the wait for it, but never say that the vehicle did something.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from fleet_backend.fleet import challenges, commands, gateways
from fleet_backend.ingest import reasons
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.effects import advance
from fleet_backend.ingest.verdicts import KnownVehicle, Refused
from protocol import courier, refusal
from protocol.challenge import ONLINE_LIFE_MS
from protocol.errors import DecodeError

Vehicles = Mapping[str, KnownVehicle]

_STEPS = {
    courier.DELIVERED: commands.DELIVER,
    courier.EXPIRED: commands.EXPIRE,
    courier.SILENT: commands.EXPIRE,
    courier.MALFORMED: commands.REFUSE,
}


def apply(connection: Connection, message: Message, vehicles: Vehicles, now: int) -> Refused | None:
    """Let one message take effect; the refusal where it cannot. The gateway is registered."""
    topic_vehicle = courier.challenge_vehicle(message.name)
    handle = _challenge if topic_vehicle else _HANDLERS.get(message.name)
    if handle is None:
        return Refused(message.gateway, None, reasons.TOPIC, message.name[:80])
    try:
        return handle(connection, message, vehicles, now)
    except DecodeError as error:
        return Refused(message.gateway, None, reasons.COURIER, f"{message.name}: {error}")


def _challenge(
    connection: Connection, message: Message, vehicles: Vehicles, now: int
) -> Refused | None:
    vehicle, challenge, expires = courier.decode_challenge(message.payload)
    # A gateway of one vehicle may use the plain topic, as all did before there were several.
    if message.name not in (courier.UP_CHALLENGE, courier.challenge_name(vehicle)):
        return Refused(message.gateway, None, reasons.COURIER, f"{message.name}: {vehicle}"[:80])
    known = vehicles.get(vehicle)
    if known is None or known.gateway != message.gateway:
        return Refused(message.gateway, None, reasons.COURIER_VEHICLE, vehicle)
    # No vehicle keeps a challenge longer, whatever the gateway's clock says.
    latest = now + ONLINE_LIFE_MS // 1000
    challenges.put(connection, vehicle, challenge, min(expires, latest), now)
    return None


def _status(
    connection: Connection, message: Message, vehicles: Vehicles, now: int
) -> Refused | None:
    online, time = courier.decode_status(message.payload)
    gateways.set_status(connection, message.gateway, online, time)
    return None


def _command(
    connection: Connection, message: Message, vehicles: Vehicles, now: int
) -> Refused | None:
    command_id, status = courier.decode_command_status(message.payload)
    step = _STEPS.get(status)
    if step is None:
        return Refused(message.gateway, None, reasons.COURIER, f"status {status}")
    found = commands.find(connection, command_id)
    known = vehicles.get(found.vehicle) if found else None
    if known is None or known.gateway != message.gateway:
        return Refused(message.gateway, None, reasons.UNKNOWN_COMMAND, command_id.hex())
    news = {"refusal_code": refusal.MALFORMED} if step == commands.REFUSE else {}
    advance(connection, command_id, step, now, **news)
    return None


_HANDLERS: dict[str, Callable[[Connection, Message, Vehicles, int], Refused | None]] = {
    courier.UP_CHALLENGE: _challenge,
    courier.UP_STATUS: _status,
    courier.UP_COMMAND: _command,
}
