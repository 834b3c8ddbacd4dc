"""Vehicles as anybody sees them, and the challenge that each one published ahead."""

from fastapi import APIRouter

from fleet_backend.api import cursors, items, models
from fleet_backend.api.encoding import to_b64u
from fleet_backend.api.errors import NoChallengeError
from fleet_backend.api.routes.common import Cursor, Limit, VehicleId
from fleet_backend.api.services import Use
from fleet_backend.fleet import challenges, vehicles

router = APIRouter(prefix="/v1/vehicles", tags=["vehicles"])


@router.get("")
def list_vehicles(services: Use, cursor: Cursor = None, limit: Limit = 100) -> models.Vehicles:
    """By name. A vehicle that is in use has no position here."""
    with services.database.read() as connection:
        states = vehicles.states(connection, cursors.name(cursor), limit + 1)
    shown = [items.vehicle(state) for state in states[:limit]]
    return models.Vehicles(items=shown, next=cursors.after(states, limit, "vehicle"))


@router.get("/{vehicle}")
def show(vehicle: VehicleId, services: Use) -> models.Vehicle:
    with services.database.read() as connection:
        return items.vehicle(vehicles.state(connection, vehicle))


@router.get("/{vehicle}/challenge")
def challenge(vehicle: VehicleId, services: Use) -> models.Challenge:
    """What a command must be bound to; works once."""
    with services.database.read() as connection:
        vehicles.get(connection, vehicle)
        found = challenges.fresh(connection, vehicle, services.now())
    if found is None:
        raise NoChallengeError("ask again in a moment")
    return models.Challenge(challenge=to_b64u(found.challenge), expires=found.expires)
