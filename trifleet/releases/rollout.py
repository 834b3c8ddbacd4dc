"""Carries a roll-out on: opens waves, signs one UPDATE command a vehicle, stops at failure.

The state lies in the backend's database, so this may be killed and started again, on another
machine as well, as long as the key is there. The key never leaves this process.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from protocol import command, presentation
from trifleet.client import FINAL_STATES, HolderKey, RiderClient
from trifleet.errors import ClientError
from trifleet.releases.fleet import ChangedError, FleetClient
from trifleet.releases.waves import Step, decide

Say = Callable[[str, str], None]

POLL_S = 2.0
# The vehicle keeps its leave for 15 minutes: before that a second one would only cost a challenge.
LEAVE_S = 840.0
# A refused command is signed anew after this: its challenge may have been used by somebody.
AGAIN_S = 30.0
LEAST_PERMILLE = 300
_READY = ("ready", "waiting")


class Rollout:
    """One roll-out, driven from here. `holder` is the owner's key, or one with a grant."""

    def __init__(
        self,
        fleet: FleetClient,
        rider: RiderClient,
        name: str,
        say: Say,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._rider = rider
        self._name = name
        self._say = say
        self._steady_s = steady_s
        # Of each vehicle: its command that is on its way, and when another one may be signed.
        self._sent: dict[str, str] = {}
        self._next_s: dict[str, float] = {}
        self._shown: dict[str, str] = {}

    def run(self, stop: threading.Event) -> dict[str, Any]:
        """Until it has ended or `stop` is set; how it stands then. Raises ClientError."""
        while True:
            found = self.step()
            if found["state"] in ("stopped", "finished") or stop.wait(POLL_S):
                return found

    def step(self) -> dict[str, Any]:
        """Look, and do what is due. Raises ClientError."""
        found = self._fleet.rollout(self._name)
        self._tell(found)
        if found["state"] != "running":
            return found
        try:
            found = self._decide(found)
        except ChangedError:
            return self._fleet.rollout(self._name)  # paused from elsewhere, say: look again
        if found["state"] == "running":
            self._command_all(found)
        return found

    def _decide(self, found: dict[str, Any]) -> dict[str, Any]:
        decision = decide(found)
        wave = int(found["wave"])
        if decision.step is Step.STOP:
            self._say("stopped", decision.reason)
            return self._fleet.change(found, "stopped", reason=decision.reason)
        if decision.step is Step.FINISH:
            self._say("finished", f"{len(found['vehicles'])} vehicles")
            return self._fleet.change(found, "finished")
        if decision.step is Step.OPEN:
            size = sum(one["wave"] == wave + 1 for one in found["vehicles"])
            self._say("wave", f"{wave + 1} of {found['waves']}: {size} vehicles")
            return self._fleet.change(found, "running", wave + 1)
        return found

    def _command_all(self, found: dict[str, Any]) -> None:
        """A signed command for each vehicle whose gateway has the bundle, if it is the moment."""
        due = [
            one["vehicle"]
            for one in found["vehicles"]
            if one["wave"] <= found["wave"] and one["shown"] in _READY and self._is_due(one)
        ]
        reports = self._fleet.vehicles() if due else {}
        for vehicle in due:
            why = _not_now(reports.get(vehicle, {}))
            if why:
                self._note(vehicle, f"waits: {why}")
                continue
            try:
                self._sent[vehicle] = self._command(vehicle, bytes.fromhex(found["digest"]))
                self._next_s[vehicle] = self._steady_s() + LEAVE_S
                self._note(vehicle, "command signed and sent")
            except ClientError as error:
                self._next_s[vehicle] = self._steady_s() + AGAIN_S
                self._note(vehicle, f"no command: {error}")

    def _is_due(self, one: dict[str, Any]) -> bool:
        vehicle = str(one["vehicle"])
        name = self._sent.get(vehicle)
        if name is not None:
            state = self._rider.state(name)
            if state["state"] in FINAL_STATES:
                del self._sent[vehicle]
                if state["state"] != "executed":
                    self._next_s[vehicle] = self._steady_s() + AGAIN_S
                    refusal = (state.get("refusal") or {}).get("name", "")
                    self._note(vehicle, f"command {state['state']} {refusal}".strip())
        return self._steady_s() >= self._next_s.get(vehicle, 0.0)

    def _command(self, vehicle: str, digest: bytes) -> str:
        """Sign UPDATE with the owner's key against the vehicle's published challenge."""
        key = self._rider.key
        challenge = self._rider.challenge(vehicle)
        asked = command.encode(
            command.Command(vehicle, challenge, command.UPDATE, {0: digest}, b"")
        )
        sealed = key.seal(asked, command.signed_message(asked))
        return self._rider.send(vehicle, presentation.encode([], [key.modulus], sealed))

    def _tell(self, found: dict[str, Any]) -> None:
        for one in found["vehicles"]:
            if one["wave"] > found["wave"]:
                continue
            words = f"{one['shown']} {one['reason'] or ''}".strip()
            if one["shown"] == "installing" and one["permille"] is not None:
                words += f" {one['permille'] // 10} %"
            self._note(one["vehicle"], words, "state")

    def _note(self, vehicle: str, words: str, kind: str = "command") -> None:
        """Each thing once."""
        key = f"{kind} {vehicle}"
        if self._shown.get(key) != words:
            self._shown[key] = words
            self._say(vehicle, words)


def _not_now(report: dict[str, Any]) -> str:
    """Why it would be vain to ask now; the vehicle looks itself, whatever we think."""
    if report.get("state") != "LOCKED":
        return "it is in use"
    if report.get("speed_mmps"):
        return "it moves"
    charge = report.get("soc_permille")
    if charge is None or charge < LEAST_PERMILLE:
        return "its pack is below 30 %, or nobody knows"
    return ""


def holder(private: Any) -> HolderKey:
    """The owner's key as a client holds it."""
    return HolderKey(private)
