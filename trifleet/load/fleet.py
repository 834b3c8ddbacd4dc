"""The load's fleet: names and keys, and its place in the backend's register.

A vehicle of a load belongs to nobody: its owner's thumbprint is drawn like its key, so no grant for
it can exist.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import insert

from fleet_backend.fleet import gateways, keys, schema
from fleet_backend.fleet.database import Database
from hw.model.route import Route
from trifleet.load.duty import Always, Duty, Mode
from trifleet.load.gateway import Gateway
from trifleet.load.keys import Keyring
from trifleet.load.plan import RIDING, Plan
from trifleet.load.player import Played
from trifleet.load.vehicle import Vehicle

_AT_ONCE = 1_000  # registrations of one transaction


@dataclass(frozen=True)
class Names:
    """`run` is six hexadecimal digits, so that two loads on one installation are two fleets."""

    run: str

    def gateway(self, number: int) -> str:
        return f"load-{self.run}-g{number}"

    def vehicle(self, number: int) -> str:
        return f"load-{self.run}-v{number}"


def register(database: Database, plan: Plan, names: Names, keyring: Keyring, now: int) -> None:
    """Make every gateway and vehicle known to the backend, a thousand gateways at once."""
    for at in range(0, plan.count, _AT_ONCE):
        numbers = range(at, min(at + _AT_ONCE, plan.count))
        with database.begin() as connection:
            rows = [_gateway_row(names.gateway(number), keyring, now) for number in numbers]
            connection.execute(insert(schema.gateways), rows)
            rows = [
                _vehicle_row(names.vehicle(vehicle), names.gateway(number), keyring, now)
                for number in numbers
                for vehicle in plan.vehicles_of(number)
            ]
            connection.execute(insert(schema.vehicles), rows)


def _gateway_row(name: str, keyring: Keyring, now: int) -> dict[str, object]:
    public = keys.public_bytes(keyring.gateway(name))
    return {"id": name, "public_key": public, "kind": gateways.GATEWAY, "added": now}


def _vehicle_row(name: str, gateway: str, keyring: Keyring, now: int) -> dict[str, object]:
    own = keyring.vehicle(name)
    return {
        "id": name,
        "gateway": gateway,
        "owner_thumbprint": hashlib.sha256(b"nobody/" + own).digest(),
        "record_key": keyring.record_key(name),
        "key_fingerprint": hashlib.sha256(own).digest(),
        "added": now,
    }


def make(
    plan: Plan,
    numbers: Sequence[int],
    names: Names,
    keyring: Keyring,
    routes: Sequence[Route],
    verify_ack: Callable[[bytes, bytes], bool],
    client_id: Callable[[str], str],
) -> list[Played]:
    """The gateways with these numbers, each with its vehicles."""
    fleet = []
    for number in numbers:
        name = names.gateway(number)
        key = keyring.gateway(name)
        own = [_vehicle(plan, one, names, keyring, routes) for one in plan.vehicles_of(number)]
        gateway = Gateway(name, key.sign, verify_ack)
        fleet.append(Played(number, gateway, client_id(name), own))
    return fleet


def _vehicle(
    plan: Plan, number: int, names: Names, keyring: Keyring, routes: Sequence[Route]
) -> Vehicle:
    name = names.vehicle(number)
    duty: Duty | Always = Duty(f"{plan.seed}/{number}", plan.rides)
    if plan.pace == RIDING:
        duty = Always(Mode.RIDING)
    return Vehicle(name, number, keyring.record_key(name), duty, routes[number % len(routes)])
