"""Vehicles: whose they are, by which gateway they speak, and their newest state.

Refuses a second vehicle with the same key: neither could be told from the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from fleet_backend.fleet import checks, gateways
from fleet_backend.fleet.errors import (
    ExistsError,
    RepeatedKeyError,
    UnknownError,
    ValueRefusedError,
)
from fleet_backend.fleet.schema import MEASURED, gateway_status, vehicle_state, vehicles
from protocol import lock

UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Vehicle:
    id: str
    gateway: str
    owner_thumbprint: bytes
    record_key: bytes
    key_fingerprint: bytes

    def __repr__(self) -> str:
        return f"Vehicle({self.id!r})"  # never the record key


@dataclass(frozen=True)
class State:
    """What a vehicle said last; None where it had nothing fresh, `boot` None if never heard."""

    vehicle: str
    gateway: str
    online: bool
    state: str
    boot: int | None
    seq: int | None
    time: int | None
    server_time: int | None
    speed_mmps: int | None
    odometer_m: int | None
    pack_mv: int | None
    pack_da: int | None
    soc_permille: int | None
    lat_e7: int | None
    lon_e7: int | None
    motor_temp_c: int | None
    heading_cdeg: int | None
    inverter_temp_c: int | None
    cell_min_mv: int | None
    cell_max_mv: int | None
    charging: int | None
    gnss_speed_mmps: int | None
    supply_mv: int | None
    cap_mmps: int | None
    warning: int | None
    steering_cdeg: int | None
    pack_temp_c: int | None
    rest: int | None


def register(
    connection: Connection,
    vehicle: str,
    gateway: str,
    owner_thumbprint: bytes,
    record_key: bytes,
    key_fingerprint: bytes,
    now: int,
) -> Vehicle:
    """Add a vehicle. `record_key` is derived from its own key, `key_fingerprint` the SHA-256 of it.

    Raises ExistsError, RepeatedKeyError, UnknownError (gateway), ValueRefusedError.
    """
    checks.identifier(vehicle, "vehicle")
    for value, name in (
        (owner_thumbprint, "owner's thumbprint"),
        (record_key, "record key"),
        (key_fingerprint, "key fingerprint"),
    ):
        checks.octets(value, name, 32)
    if gateways.get(connection, gateway).kind != gateways.GATEWAY:
        raise ValueRefusedError(f"{gateway!r} is no gateway of vehicles")
    if find(connection, vehicle) is not None:
        raise ExistsError(f"vehicle {vehicle!r} is there already")
    new = Vehicle(vehicle, gateway, owner_thumbprint, record_key, key_fingerprint)
    _refuse_repeated_key(connection, new)
    connection.execute(insert(vehicles).values(**vars(new), added=now))
    return new


def assign(connection: Connection, vehicle: str, gateway: str) -> None:
    """It speaks by this gateway from now on; only where its own one was revoked, or is this one.

    Raises UnknownError, ExistsError.
    """
    if not may_assign(connection, get(connection, vehicle), gateway):
        raise ExistsError(f"vehicle {vehicle!r} belongs to another gateway")
    gateways.get(connection, gateway)
    connection.execute(update(vehicles).where(vehicles.c.id == vehicle).values(gateway=gateway))


def may_assign(connection: Connection, vehicle: Vehicle, gateway: str) -> bool:
    """A gateway that is good keeps its vehicles."""
    return vehicle.gateway == gateway or vehicle.gateway in gateways.revoked(connection)


def find(connection: Connection, vehicle: str) -> Vehicle | None:
    """One vehicle, or None."""
    row = connection.execute(select(vehicles).where(vehicles.c.id == vehicle)).first()
    return None if row is None else _vehicle(row)


def get(connection: Connection, vehicle: str) -> Vehicle:
    """One vehicle. Raises UnknownError."""
    found = find(connection, vehicle)
    if found is None:
        raise UnknownError(f"no vehicle {vehicle!r}")
    return found


def all_vehicles(connection: Connection) -> list[Vehicle]:
    """Every vehicle, by name."""
    return [_vehicle(row) for row in connection.execute(select(vehicles).order_by(vehicles.c.id))]


def state(connection: Connection, vehicle: str) -> State:
    """One vehicle's newest state. Raises UnknownError."""
    row = connection.execute(_states().where(vehicles.c.id == vehicle)).first()
    if row is None:
        raise UnknownError(f"no vehicle {vehicle!r}")
    return _state(row)


def states(connection: Connection, after: str = "", limit: int = 100) -> list[State]:
    """A page of vehicles by name, those behind `after`."""
    query = _states().where(vehicles.c.id > after).order_by(vehicles.c.id).limit(limit)
    return [_state(row) for row in connection.execute(query)]


def find_by_key(connection: Connection, record_key: bytes, fingerprint: bytes) -> str | None:
    """The vehicle that has either."""
    same = (vehicles.c.key_fingerprint == fingerprint) | (vehicles.c.record_key == record_key)
    return connection.execute(select(vehicles.c.id).where(same)).scalar()


def _refuse_repeated_key(connection: Connection, new: Vehicle) -> None:
    other = find_by_key(connection, new.record_key, new.key_fingerprint)
    if other is not None:
        raise RepeatedKeyError(f"vehicle {other!r} has the key of {new.id!r}")


def _vehicle(row: Row[Any]) -> Vehicle:
    return Vehicle(row.id, row.gateway, row.owner_thumbprint, row.record_key, row.key_fingerprint)


def _states() -> Select[Any]:
    spoken = [vehicle_state.c[name] for name in ("boot", "seq", "time", "server_time", *MEASURED)]
    joined = vehicles.outerjoin(vehicle_state, vehicle_state.c.vehicle == vehicles.c.id).outerjoin(
        gateway_status, gateway_status.c.gateway == vehicles.c.gateway
    )
    return select(vehicles.c.id, vehicles.c.gateway, gateway_status.c.online, *spoken).select_from(
        joined
    )


def _state(row: Row[Any]) -> State:
    values = dict(row._mapping)
    values["vehicle"] = values.pop("id")
    values["online"] = bool(values["online"])
    values["state"] = state_name(values["state"])
    return State(**values)


def state_name(number: int | None) -> str:
    """LOCKED, READY, DRIVE, LOCK_PENDING, or UNKNOWN where the vehicle did not say."""
    return UNKNOWN if number is None else lock.STATES.get(number, UNKNOWN)


def newest_rows(connection: Connection, names: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """vehicle -> (boot, seq, time, server_time, values...) of those that were ever heard."""
    found = connection.execute(_NEWEST_ROWS, {"names": list(names)})
    return {row[0]: tuple(row)[1:] for row in found}


# Of every batch of the ingest: to put it together costs more than to ask it.
_NEWEST_ROWS = select(vehicle_state).where(
    vehicle_state.c.vehicle.in_(bindparam("names", expanding=True))
)
