"""One ride as a real client makes it: the story that `trifleet ride` tells, step by step.

Uses the public HTTP API only; the caller starts the stack and verifies the receipts afterwards.
"""

import dataclasses
import time
from collections.abc import Callable

from protocol import command
from trifleet.client import RiderClient
from trifleet.errors import ClientError

RIDE_M = 150
_UNLOCK_S = 15.0
_RIDE_S = 90.0
_LOCK_S = 60.0

Say = Callable[[str, str], None]


@dataclasses.dataclass(frozen=True)
class Ride:
    """What a finished ride leaves in the rider's hands."""

    vehicle: str
    rider: str
    distance_m: int
    unlock_receipt: str
    lock_receipt: str


def make_ride(client: RiderClient, say: Say, vehicle: str | None = None) -> Ride:
    """Register, obtain a grant, unlock, ride, lock, fetch the receipts. Raises ClientError."""
    rider = client.register()
    say("registered", f"rider {rider[:16]}... with a key made on this machine")
    chosen = vehicle or choose(client)
    say("chose", chosen)
    granted = client.obtain_grant(chosen, 3600)
    say("granted", f"for one hour, logged in the ledger as entry {granted['leaf_index']}")
    unlock = _unlock(client, chosen, granted, say)
    distance = _ride(client, unlock, say)
    lock = client.command(chosen, granted, command.LOCK)
    client.wait(lock, ("pending", "executed"), _UNLOCK_S)
    say("lock asked", "the vehicle waits for standstill")
    client.wait(lock, ("executed",), _LOCK_S)
    say("locked", "by the vehicle's own record")
    receipts = client.receipt(unlock), client.receipt(lock)
    say("receipts", f"{len(receipts[0])} and {len(receipts[1])} bytes")
    return Ride(chosen, rider, distance, *receipts)


def choose(client: RiderClient) -> str:
    """The first vehicle that nobody uses. Raises ClientError."""
    for item in client.vehicles():
        if item["available"]:
            return str(item["id"])
    raise ClientError("no vehicle is available")


def _unlock(client: RiderClient, vehicle: str, granted: dict[str, object], say: Say) -> str:
    challenge = client.challenge(vehicle)
    say("challenge", "published ahead by the vehicle, good for one command")
    begin = time.monotonic()
    name = client.send(vehicle, client.present(vehicle, granted, command.UNLOCK, challenge))
    client.wait(name, ("executed",), _UNLOCK_S)
    say("unlocked", f"by the vehicle's own record, {time.monotonic() - begin:.2f} s after signing")
    return name


def _ride(client: RiderClient, unlock: str, say: Say) -> int:
    """Follow the vehicle until it went far enough; metres."""
    start = None
    end = time.monotonic() + _RIDE_S
    for kind, data in client.follow(unlock):
        odometer = data.get("odometer_m") if kind == "vehicle" else None
        if odometer is None:
            continue
        if start is None:
            start = int(odometer)
        ridden = int(odometer) - start
        if ridden >= RIDE_M:
            speed = (data.get("speed_mmps") or 0) * 0.0036
            say("rode", f"{ridden} m, now at {speed:.0f} km/h, {data['soc_permille'] / 10:.1f} %")
            return ridden
        if time.monotonic() > end:
            raise ClientError(f"only {ridden} m after {_RIDE_S:.0f} s")
    raise ClientError("the stream of the vehicle ended during the ride")
