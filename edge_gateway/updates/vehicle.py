"""What is to be done for one vehicle now. Pure: time in, a decision out.

A bundle is handed over only after a signed UPDATE command was on its way to the vehicle, or in the
first minutes of this run, because the one before may have been killed in the middle. The vehicle
keeps its leave for 15 minutes; so long the gateway tries.
"""

from protocol import delivery, update
from protocol.delivery import State, Want

LEAVE_S = 900.0
AGAIN_S = 10.0
# These say that the same bundle will never be taken: asked anew by the next command alone.
_FINAL = (
    update.MALFORMED,
    update.BOARD,
    update.KEYS,
    update.SIGNATURE,
    update.OLDER,
    update.DIGEST,
    update.SPACE,
    update.HASH,
    update.TRIALS,
    update.NO_SLOT,
)


class VehicleUpdate:
    """The update of one vehicle, from its want to the hand-over."""

    def __init__(self, want: Want, now_s: float) -> None:
        self.want = want
        self.state = State(want.vehicle, want.digest, delivery.FETCHING, 0, 0)
        self._leave_until_s = now_s + LEAVE_S
        self._next_s = now_s

    def commanded(self, now_s: float) -> None:
        """A signed command that allows this release is on its way."""
        self._leave_until_s = now_s + LEAVE_S
        self._next_s = now_s
        if self.state.state in (delivery.HANDED_OVER, delivery.FAILED):
            self.told(delivery.FETCHED, 0, 1000)

    def may_try(self, now_s: float) -> bool:
        """Is it the time to talk to the vehicle?"""
        is_here = self.state.state in (delivery.FETCHED, delivery.WAITING, delivery.INSTALLING)
        return is_here and self._next_s <= now_s < self._leave_until_s

    def needs_bundle(self, now_s: float) -> bool:
        failed = self.state.state == delivery.FAILED and self.state.code not in _FINAL
        return (self.state.state == delivery.FETCHING or failed) and self._next_s <= now_s

    def waits(self, code: int, now_s: float) -> None:
        """Not now."""
        self._next_s = now_s + AGAIN_S
        state = delivery.FETCHED if code == update.NOT_ALLOWED else delivery.WAITING
        self.told(state, code, 1000)

    def failed(self, code: int, now_s: float) -> None:
        """The vehicle refused, or does not answer. Of the latter the rest is sent again."""
        self._next_s = now_s + AGAIN_S
        if code == delivery.NO_LINK and self.state.state == delivery.INSTALLING:
            self.told(delivery.WAITING, code, self.state.permille)
            return
        self.told(delivery.FAILED, code, 0)

    def told(self, state: int, code: int, permille: int) -> State:
        """Another state."""
        self.state = State(self.want.vehicle, self.want.digest, state, code, permille)
        return self.state

    @property
    def due_s(self) -> float:
        return self._next_s
