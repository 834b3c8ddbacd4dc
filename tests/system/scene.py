"""What an attack needs: the owner's key, one vehicle with its bus, and the operator's page."""

import secrets
import time
from typing import Any

from evidence import BusLog
from running import RunningStack

from fleet_backend.fleet import keys
from protocol import command, cose, grant, presentation, refusal
from trifleet.client import HolderKey, RiderClient

NOW_AND_AN_HOUR = 3600


class Owner:
    """The owner's key, as the owner would use it: signing grants directly."""

    def __init__(self, stack: RunningStack) -> None:
        self.key = HolderKey(keys.load_rsa(stack.layout.owner_key))

    def grant(self, holder: HolderKey, vehicle: str, **changes: Any) -> bytes:
        now = int(time.time())
        given = {
            "vehicle": vehicle,
            "holder": holder.thumbprint,
            "actions": 3,
            "not_before": now - 60,
            "not_after": now + NOW_AND_AN_HOUR,
            "generation": 0,
            "grant_id": secrets.token_bytes(16),
            "limits": {},
        }
        given.update(changes)
        payload = grant.encode(grant.Grant(**given))
        return self.key.seal(payload, grant.signed_message(payload))


def signed_command(
    key: HolderKey, vehicle: str, challenge: bytes, granted: bytes, action: int = command.UNLOCK
) -> bytes:
    """A command under the last grant of a chain."""
    payload, _ = cose.split(granted, cose.PS256, "grant")
    name = grant.decode(payload).grant_id
    asked = command.encode(command.Command(vehicle, challenge, action, {}, name))
    return key.seal(asked, command.signed_message(asked))


class Scene:
    """One vehicle, its bus, a rider, and the operator's page."""

    def __init__(self, stack: RunningStack, vehicle: str) -> None:
        self.stack = stack
        self.vehicle = vehicle
        self.bus = BusLog(stack.layout.vehicle(vehicle) / "can.log")
        self.owner = Owner(stack)
        self.rider = RiderClient(stack.address)
        self.rider.register()

    def challenge(self) -> bytes:
        return self.rider.challenge(self.vehicle)

    def expect_refused(self, presented: bytes, code: int) -> None:
        """Send it as any client would: the vehicle refuses with `code`, and nothing moves."""
        mark = self.bus.mark()
        name = self.rider.send(self.vehicle, presented)
        found = self.rider.wait(name, ("refused",), 20)
        assert found["refusal"]["code"] == code, found
        self.nothing_moved(mark)
        self.operator_sees(code)

    def nothing_moved(self, mark: int) -> None:
        # Longer than the five seconds in which a rider who stands by would act.
        time.sleep(1.0)
        assert self.bus.enables(mark) == 0

    def operator_sees(self, code: int) -> None:
        def shown() -> bool:
            items = self.stack.operator("/v1/fleet/refusals")["items"]
            return any(
                item.get("vehicle") == self.vehicle and item.get("code") == code for item in items
            )

        self.stack.wait_for(shown, f"{refusal.NAMES[code]} on the operator's page", 15)


def direct(scene: Scene, granted: bytes, asked: bytes, key: HolderKey) -> bytes:
    return presentation.encode([granted], [scene.owner.key.modulus, key.modulus], asked)
