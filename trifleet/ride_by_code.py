"""One ride opened and ended on the vehicle's keypad: what `trifleet ride --by-code` tells.

The phone is used once, while the vehicle can be reached; afterwards neither it nor the server sends
anything to the vehicle. What happened is read from the vehicle's records.
"""

import time
from collections.abc import Callable
from typing import Any

from protocol import command, lock
from trifleet.client import RiderClient
from trifleet.codes import DrawnCodes
from trifleet.errors import ClientError
from trifleet.operator import OperatorClient
from trifleet.ride import RIDE_M, Ride, Say, choose

_UNLOCK_S = 20.0
_RIDE_S = 90.0
_LOCK_S = 60.0
_POLL_S = 0.2

Type = Callable[[str, str], None]  # (vehicle, keys): somebody stands there and presses them


def make_ride_by_code(
    client: RiderClient, operator: OperatorClient, type_on: Type, say: Say
) -> Ride:
    """Register, deposit a code, type it, ride, press Enter, fetch the receipts."""
    rider = client.register()
    say("registered", f"rider {rider[:16]}... with a key made on this machine")
    vehicle = choose(client)
    say("chose", vehicle)
    code, made = _deposit(client, vehicle, say)
    type_on(vehicle, code + "\n")
    say("typed", "16 digits and Enter on the vehicle; no phone and no server has a part in it")
    unlock = operator.wait_for_record(vehicle, _answers(command.UNLOCK, made), "unlock", _UNLOCK_S)
    say("unlocked", "by the vehicle's own record, which names the code's hash")
    distance = _ride(operator, vehicle, say)
    type_on(vehicle, "\n")
    say("lock asked", "by Enter without digits; the vehicle waits for standstill")
    later = _locked_after(unlock)
    locked = operator.wait_for_record(vehicle, later, "lock", _LOCK_S)
    say("locked", f"by the vehicle's own record: {lock.REASONS[locked['body']['reason']]}")
    receipts = [operator.receipt(item["leaf_index"]) for item in (unlock, locked)]
    say("receipts", f"{len(receipts[0])} and {len(receipts[1])} bytes, from the operator")
    return Ride(vehicle, rider, distance, receipts[0], receipts[1])


def _deposit(client: RiderClient, vehicle: str, say: Say) -> tuple[str, str]:
    """(the code, its hash in hex), once the vehicle has recorded that it keeps the hash."""
    drawn = DrawnCodes(vehicle, client.key.thumbprint, 1)
    granted = client.obtain_grant(vehicle, 3600, codes=drawn)
    say("granted", f"with one code's hash, logged as entry {granted['leaf_index']}")
    client.deposit_codes(vehicle, granted)
    say("deposited", "by the vehicle's own record: from here on it needs no network")
    (code,) = drawn.tell_once()
    return code, drawn.wire[1].hex()


def _answers(action: int, made: str) -> Callable[[dict[str, Any]], bool]:
    def matches(item: dict[str, Any]) -> bool:
        body = item["body"]
        named = item["kind_name"] == "ANSWER" and body["command_id"] == made
        return bool(named and body["action"] == action)

    return matches


def _locked_after(unlock: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    def matches(item: dict[str, Any]) -> bool:
        if (item["boot"], item["seq"]) <= (unlock["boot"], unlock["seq"]):
            return False
        return bool(item["kind_name"] == "LOCK" and item["body"]["state"] == lock.LOCKED)

    return matches


def _ride(operator: OperatorClient, vehicle: str, say: Say) -> int:
    """Follow the vehicle until it went far enough; metres."""
    start = int(operator.vehicle(vehicle)["odometer_m"])
    end = time.monotonic() + _RIDE_S
    while True:
        seen = operator.vehicle(vehicle)
        ridden = int(seen["odometer_m"]) - start
        if ridden >= RIDE_M:
            say("rode", f"{ridden} m, now at {seen['speed_mmps'] * 0.0036:.0f} km/h")
            return ridden
        if time.monotonic() > end:
            raise ClientError(f"only {ridden} m after {_RIDE_S:.0f} s")
        time.sleep(_POLL_S)
