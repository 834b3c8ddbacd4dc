"""Start-up: what this board is provisioned as, and which fault keeps it locked."""

from vcu.errors import StoreError
from vcu.flash.identity import NO_OWNER as NOBODY
from vcu.flash.identity import is_nobody
from vcu.flash.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.flash.identity import Identity
    from vcu.flash.store import Store

NO_FAULT = 0
NO_IDENTITY = 1
NO_OWNER = 2
UNUSABLE_KEY = 3
UNREADABLE_STATE = 4

LAST_BOOT = 0xFFFF_FFFF  # of 32 bits; only a damaged or forged file comes so far
NAMELESS = "unprovisioned"
_NO_PROVISIONING = bytes(32)


class Provision:
    """The outcome: `fault` is 0 or why every command is refused; `key` is None if unusable."""

    def __init__(self, store: "Store", replayed_boot: int, now_s: int) -> None:
        identity = store.identity()
        self.vehicle = identity.vehicle if identity else NAMELESS
        self.key = identity.key if identity and identity.has_usable_key() else None
        self.fault = NO_FAULT
        self.state = self._load(store, identity, replayed_boot)
        self.last_boot = self.state.boot
        self._count_boot(store, now_s)
        self.owner = self.state.owner or (identity.owner if identity else NOBODY)
        self.time_floor = max(self.state.time_floor, identity.time_floor if identity else 0)
        if identity is None:
            self.fault = NO_IDENTITY
        elif is_nobody(self.owner):
            self.fault = self.fault or NO_OWNER
        elif self.key is None:
            self.fault = self.fault or UNUSABLE_KEY

    def _load(self, store: "Store", identity: "Identity | None", replayed_boot: int) -> State:
        provisioning = identity.digest if identity else _NO_PROVISIONING
        try:
            state = store.state()
        except StoreError:
            self.fault = UNREADABLE_STATE
            state = State(provisioning)
        if identity and state.provisioning != provisioning:
            state = state.provisioned_as(provisioning)
        # (boot, seq) names a record for ever: never below what the journal still holds.
        state.boot = max(state.boot, replayed_boot)
        return state

    def _count_boot(self, store: "Store", now_s: int) -> None:
        self.state.boot += 1
        if not store.knows_boots:
            # The time in its place is as unique, and the count goes on from there.
            self.state.boot = max(self.state.boot, now_s)
            self.fault = self.fault if now_s else UNREADABLE_STATE
        if self.state.boot > LAST_BOOT:
            # No number is left that names a record: no records, and so no commands.
            self.state.boot = LAST_BOOT
            self.fault, self.key = UNREADABLE_STATE, None
            return
        if self.fault == NO_FAULT:
            try:
                # Before the first record of this boot: a count that is not stored is used twice.
                store.save(self.state)
            except OSError:
                self.fault = UNREADABLE_STATE
        if self.fault == UNREADABLE_STATE:
            # The count is lost. The time in its place is as unique; without it, no records.
            self.state.boot = max(self.state.boot, now_s)
            self.key = self.key if now_s else None
