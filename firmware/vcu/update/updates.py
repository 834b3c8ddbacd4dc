"""The door to updates of the vehicle's software: docs/updates.md.

This much stays in memory. The rest (desk.py) is loaded when something is on trial, or installed.
"""

from protocol import update

from vcu.flash import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ALLOWED_MS = 900_000
TRIAL_FILE = "trial"


class Updates:
    """`vehicle` is the Vcu; `board.slots()` gives RomSlots, FolderSlots, or None where boot.py
    knows no second place. Methods answer with codes of protocol.update."""

    def __init__(self, vehicle: "Any", board: "Any") -> None:
        self._vehicle = vehicle
        self._board = board
        self.desk: Any = None
        self.allowed = b""  # the digest of a release
        self._allowed_until_ms = 0

    def start(self, now_ms: int) -> None:
        """Once, before the loop: begins a trial, or ends one that did not pass."""
        if files.exists(self._board.folder + TRIAL_FILE):
            try:
                self.open(now_ms)
            except MemoryError:
                pass  # boot.py goes on counting: it is not confirmed, and ends by itself

    def open(self, now_ms: int) -> "Any":
        """Raises MemoryError."""
        if self.desk is None:
            from vcu.update.desk import Desk

            desk = Desk(self._vehicle, self._board, self)
            desk.start(now_ms)
            self.desk = desk
        return self.desk

    def allow(self, digest: bytes, now_ms: int) -> None:
        """That this one release is installed, for 15 minutes: who may say so, was checked."""
        self.allowed, self._allowed_until_ms = bytes(digest), now_ms + ALLOWED_MS
        if self.desk is not None:
            self.desk.allowed()

    def is_allowed(self, now_ms: int) -> bool:
        return bool(self.allowed) and now_ms < self._allowed_until_ms

    @property
    def offset(self) -> int:
        """Bytes of the bundle that were taken so far."""
        return self.desk.offset if self.desk is not None else 0

    @property
    def outcome(self) -> "int | None":
        """Of the installation: None while it goes on, 0 done, else why it came to nothing."""
        return self.desk.outcome if self.desk is not None else update.BUSY

    def begin(self, size: int, now_ms: int) -> int:
        """A bundle of this size will come. The same one again goes on at `offset`."""
        if not self.is_allowed(now_ms):
            return update.NOT_ALLOWED
        try:
            code: int = self.open(now_ms).begin(size, now_ms)
        except MemoryError:
            return update.SPACE
        return code

    def take(self, data: bytes, now_ms: int) -> int:
        """The next bytes of it; look at `has_work` and `outcome` before more are sent."""
        return self.desk.take(data, now_ms) if self.desk is not None else update.BUSY

    def finish(self, now_ms: int) -> int:
        """All of it was sent; `outcome` says what came of it once there is no more work."""
        return self.desk.finish(now_ms) if self.desk is not None else update.BUSY

    def activate(self, now_ms: int) -> int:
        """What lies in the slot, hashed and signed, is run on trial after a reset."""
        return self.desk.activate(now_ms) if self.desk is not None else update.BUSY

    def roll_back(self, now_ms: int) -> int:
        """End a trial as not passed: the other application runs after a reset."""
        return self.desk.roll_back(now_ms) if self.desk is not None else update.TRIALS

    # --- beside it ---

    def has_work(self) -> bool:
        return self.desk is not None and self.desk.has_work()

    def step(self, now_ms: int) -> None:
        """One short piece."""
        if self.desk is not None:
            self.desk.step(now_ms)

    def tick(self, now_ms: int) -> None:
        """Once a second: does what runs on trial stay?"""
        if self.desk is not None:
            self.desk.tick(now_ms)

    def holds(self) -> bool:
        """Nobody may ride: it is on trial, or about to be reset."""
        return self.desk is not None and self.desk.holds()

    def wants_reset(self, now_ms: int) -> bool:
        return self.desk is not None and self.desk.wants_reset(now_ms)
