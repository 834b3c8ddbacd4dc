"""Roll-outs: which vehicles shall have a release, and how far each one is.

A gateway's word moves what is shown and ends nothing. How an installation ended is said by the
vehicle's own record, and a later record of it counts before an earlier one that comes late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from fleet_backend.fleet.errors import ExistsError, LifecycleError, UnknownError
from fleet_backend.fleet.schema import rollout_vehicles, rollouts, vehicle_releases, vehicles
from protocol import delivery
from protocol import update as wire

RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"  # by failures or by the operator; nothing more is asked of any vehicle
FINISHED = "finished"
STATES = (RUNNING, PAUSED, STOPPED, FINISHED)
# What may follow; a roll-out that ended stays as it ended.
NEXT = {
    RUNNING: (RUNNING, PAUSED, STOPPED, FINISHED),
    PAUSED: (PAUSED, RUNNING, STOPPED),
    STOPPED: (),
    FINISHED: (),
}
_ENDED = (wire.CONFIRMED, wire.ROLLED_BACK, wire.REFUSED)


@dataclass(frozen=True)
class Rollout:
    """One release on its way to some vehicles. `wave` counts from 1, 0: none is open yet."""

    id: str
    digest: bytes
    target: str
    board: str
    version: str
    number: int
    waves: int
    failures_most: int
    wave: int
    state: str
    reason: str
    revision: int
    created: int
    updated: int


@dataclass(frozen=True)
class Progress:
    """One vehicle of a roll-out; None where nobody has said anything yet."""

    rollout: str
    vehicle: str
    wave: int
    gateway_state: int | None
    gateway_code: int | None
    permille: int | None
    gateway_time: int | None
    stage: int | None
    code: int | None
    boot: int | None
    seq: int | None
    recorded: int | None


@dataclass(frozen=True)
class Having:
    """What a vehicle runs by its own record, and the newest roll-out that it is part of."""

    vehicle: str
    digest: bytes | None
    number: int | None
    rollout: Rollout | None
    progress: Progress | None


def add(connection: Connection, rollout: Rollout, members: Sequence[tuple[str, int]]) -> Rollout:
    """A new one with (vehicle, wave) of each member. The very same again changes nothing.

    Raises ExistsError, UnknownError for a vehicle.
    """
    found = find(connection, rollout.id)
    if found is not None:
        if (found.digest, found.target) != (rollout.digest, rollout.target):
            raise ExistsError(f"roll-out {rollout.id} is of another release")
        return found
    known = set(connection.execute(select(vehicles.c.id)).scalars())
    for vehicle, _ in members:
        if vehicle not in known:
            raise UnknownError(f"vehicle {vehicle}")
    connection.execute(insert(rollouts).values(**vars(rollout)))
    rows = [{"rollout": rollout.id, "vehicle": vehicle, "wave": wave} for vehicle, wave in members]
    if rows:
        connection.execute(insert(rollout_vehicles), rows)
    return rollout


def find(connection: Connection, name: str) -> Rollout | None:
    row = connection.execute(select(rollouts).where(rollouts.c.id == name)).first()
    return None if row is None else Rollout(**row._mapping)


def get(connection: Connection, name: str) -> Rollout:
    """Raises UnknownError."""
    found = find(connection, name)
    if found is None:
        raise UnknownError(f"roll-out {name}")
    return found


def newest(connection: Connection, limit: int) -> list[Rollout]:
    """The newest first."""
    query = select(rollouts).order_by(rollouts.c.created.desc(), rollouts.c.id).limit(limit)
    return [Rollout(**row._mapping) for row in connection.execute(query)]


def members(connection: Connection, name: str) -> list[Progress]:
    """By wave, then by name."""
    query = (
        select(rollout_vehicles)
        .where(rollout_vehicles.c.rollout == name)
        .order_by(rollout_vehicles.c.wave, rollout_vehicles.c.vehicle)
    )
    return [Progress(**row._mapping) for row in connection.execute(query)]


def change(
    connection: Connection, name: str, revision: int, state: str, wave: int, reason: str, now: int
) -> Rollout:
    """Open a wave, pause, go on, end. `revision` is that which the caller saw.

    Raises UnknownError, LifecycleError (another one changed it, or it has ended).
    """
    found = get(connection, name)
    if found.revision != revision:
        raise LifecycleError("roll-out", f"revision {found.revision}", f"of {revision}")
    if state not in NEXT[found.state] or not found.wave <= wave <= found.waves:
        raise LifecycleError("roll-out", found.state, f"{state}, wave {wave}")
    news = {
        "state": state,
        "wave": wave,
        "reason": reason,
        "revision": revision + 1,
        "updated": now,
    }
    connection.execute(update(rollouts).where(rollouts.c.id == name).values(**news))
    return get(connection, name)


def wanted(connection: Connection, names: Sequence[str]) -> list[delivery.Want]:
    """What these vehicles shall have now: running roll-outs, open waves, not ended yet.

    Of two roll-outs with one vehicle the newest counts.
    """
    query = (
        select(rollout_vehicles.c.vehicle, rollouts.c.digest, rollouts.c.target)
        .join(rollouts, rollouts.c.id == rollout_vehicles.c.rollout)
        .where(rollout_vehicles.c.vehicle.in_(names), rollouts.c.state == RUNNING)
        .where(rollout_vehicles.c.wave <= rollouts.c.wave)
        .where(or_(rollout_vehicles.c.stage.is_(None), rollout_vehicles.c.stage.not_in(_ENDED)))
        .order_by(rollouts.c.created, rollouts.c.id)
    )
    found = {row.vehicle: delivery.Want(*row) for row in connection.execute(query)}
    return [found[name] for name in sorted(found)]


def heard(connection: Connection, state: delivery.State, now: int) -> bool:
    """Keep what a gateway says of a vehicle; false where no roll-out asks for that release."""
    row = _newest_of(connection, state.vehicle, state.digest)
    if row is None:
        return False
    _set(
        connection,
        row,
        gateway_state=state.state,
        gateway_code=state.code,
        permille=state.permille,
        gateway_time=now,
    )
    return True


def recorded(
    connection: Connection, vehicle: str, body: dict[str, Any], name: tuple[int, int], now: int
) -> None:
    """An UPDATE record of the vehicle; `name` is its (boot, seq)."""
    digest = bytes.fromhex(body["digest"])
    row = _newest_of(connection, vehicle, digest)
    if row is not None and name > (row.boot or 0, row.seq or -1):
        _set(
            connection,
            row,
            stage=body["stage"],
            code=body["code"],
            boot=name[0],
            seq=name[1],
            recorded=now,
        )
    if body["stage"] == wire.CONFIRMED:
        _confirmed(connection, vehicle, digest, body["number"], name, now)


def having(connection: Connection) -> list[Having]:
    """Of every vehicle that has a release or shall have one, by name."""
    own = {row.vehicle: row for row in connection.execute(select(vehicle_releases))}
    latest: dict[str, tuple[Rollout, Progress]] = {}
    by_id = {
        row.id: Rollout(**row._mapping)
        for row in connection.execute(select(rollouts).order_by(rollouts.c.created, rollouts.c.id))
    }
    order = {name: at for at, name in enumerate(by_id)}
    for row in connection.execute(select(rollout_vehicles)):
        known = latest.get(row.vehicle)
        if known is None or order[row.rollout] > order[known[0].id]:
            latest[row.vehicle] = by_id[row.rollout], Progress(**row._mapping)
    out = []
    for vehicle in sorted(own.keys() | latest.keys()):
        has = own.get(vehicle)
        rollout, progress = latest.get(vehicle, (None, None))
        digest, number = (None, None) if has is None else (has.digest, has.number)
        out.append(Having(vehicle, digest, number, rollout, progress))
    return out


def _newest_of(connection: Connection, vehicle: str, digest: bytes) -> Progress | None:
    query = (
        select(rollout_vehicles)
        .join(rollouts, rollouts.c.id == rollout_vehicles.c.rollout)
        .where(rollout_vehicles.c.vehicle == vehicle, rollouts.c.digest == digest)
        .order_by(rollouts.c.created.desc(), rollouts.c.id.desc())
    )
    row = connection.execute(query).first()
    return None if row is None else Progress(**row._mapping)


def _set(connection: Connection, row: Progress, **news: int) -> None:
    place = and_(
        rollout_vehicles.c.rollout == row.rollout, rollout_vehicles.c.vehicle == row.vehicle
    )
    connection.execute(update(rollout_vehicles).where(place).values(**news))


def _confirmed(
    connection: Connection,
    vehicle: str,
    digest: bytes,
    number: int,
    name: tuple[int, int],
    now: int,
) -> None:
    news = {"digest": digest, "number": number, "boot": name[0], "seq": name[1], "confirmed": now}
    place = vehicle_releases.c.vehicle == vehicle
    known = connection.execute(select(vehicle_releases).where(place)).first()
    if known is None:
        connection.execute(insert(vehicle_releases).values(vehicle=vehicle, **news))
    elif name > (known.boot, known.seq):
        connection.execute(update(vehicle_releases).where(place).values(**news))
