"""The lock: a table from (state, event) to state. What is not in the table does not happen."""

from protocol.lock import (
    COMMAND,
    DRIVE,
    LOCK_PENDING,
    LOCKED,
    NO_ACTION,
    READY,
    RIDER_ACTION,
    STANDSTILL,
    START,
    UNPROVISIONED,
)

from vcu.errors import StateError

ACTION_WITHIN_MS = 5_000

UNLOCK = "unlock command"
LOCK_STILL = "lock command at standstill"
LOCK_MOVING = "lock command while moving"
ACTION = "action on the vehicle"
LAPSE_STILL = "no action for 5 s, at standstill"
LAPSE_MOVING = "no action for 5 s, while moving"
STILL = "standstill confirmed"
EVENTS = (UNLOCK, LOCK_STILL, LOCK_MOVING, ACTION, LAPSE_STILL, LAPSE_MOVING, STILL)

# "Moving" is everything that is not a confirmed standstill. No event of that kind leads to LOCKED
# but from LOCKED itself.
TABLE = {
    (LOCKED, UNLOCK): READY,
    (LOCKED, LOCK_STILL): LOCKED,
    (LOCKED, LOCK_MOVING): LOCKED,
    (READY, ACTION): DRIVE,
    (READY, LOCK_STILL): LOCKED,
    (READY, LOCK_MOVING): LOCK_PENDING,
    (READY, LAPSE_STILL): LOCKED,
    (READY, LAPSE_MOVING): LOCK_PENDING,
    (DRIVE, LOCK_STILL): LOCKED,
    (DRIVE, LOCK_MOVING): LOCK_PENDING,
    (LOCK_PENDING, LOCK_STILL): LOCKED,
    (LOCK_PENDING, LOCK_MOVING): LOCK_PENDING,
    (LOCK_PENDING, STILL): LOCKED,
}
REASONS = {
    UNLOCK: COMMAND,
    LOCK_STILL: COMMAND,
    LOCK_MOVING: COMMAND,
    ACTION: RIDER_ACTION,
    LAPSE_STILL: NO_ACTION,
    LAPSE_MOVING: NO_ACTION,
    STILL: STANDSTILL,
}


class Lock:
    """The state, why it is so, and the limits of the session. Starts locked.

    `changed(state, previous, reason)` is called after every change of state.
    """

    def __init__(self, provisioned: bool, changed):
        self.state = LOCKED
        self.reason = START if provisioned else UNPROVISIONED
        self.limits = {}
        self._provisioned = provisioned
        self._changed = changed
        self._since_ms = 0
        self._drives = False

    def drives(self) -> bool:
        """Is drive enabled? From the rider's action until the vehicle is locked, never else.

        A lock that became pending before the rider acted waits without drive.
        """
        return self._drives and self.state in (DRIVE, LOCK_PENDING)

    def unlock(self, limits: dict, now_ms: int) -> None:
        """An authorized unlock. Raises StateError."""
        if not self._provisioned:
            raise StateError("not provisioned")
        self._apply(UNLOCK, now_ms)
        self.limits = limits

    def lock(self, still: bool, now_ms: int) -> bool:
        """An authorized lock: true if it took effect, false if it is pending."""
        self._apply(LOCK_STILL if still else LOCK_MOVING, now_ms)
        return self.state == LOCKED

    def step(self, still: bool, acted_ms: int | None, now_ms: int) -> None:
        """What happens by itself. `acted_ms`: when the rider's action was last seen."""
        if self.state == READY:
            self._wait_for_action(still, acted_ms, now_ms)
        elif self.state == LOCK_PENDING and still:
            self._apply(STILL, now_ms)

    def _wait_for_action(self, still: bool, acted_ms: int | None, now_ms: int) -> None:
        # The lapse comes first: an action that arrives with it is too late.
        if now_ms - self._since_ms >= ACTION_WITHIN_MS:
            self._apply(LAPSE_STILL if still else LAPSE_MOVING, now_ms)
        elif acted_ms is not None and acted_ms > self._since_ms:
            self._apply(ACTION, now_ms)
            self._drives = True

    def _apply(self, event: str, now_ms: int) -> None:
        target = TABLE.get((self.state, event))
        if target is None:
            raise StateError(event)
        if target == self.state:
            return
        previous = self.state
        self.state = target
        self.reason = REASONS[event]
        self._since_ms = now_ms
        if target == LOCKED:
            self._drives = False
            self.limits = {}
        self._changed(target, previous, self.reason)
