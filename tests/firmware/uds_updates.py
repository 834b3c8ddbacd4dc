"""The contract of vcu/update/updates.py in memory, for both interpreters: checks sizes, order and
the SHA-256 of what came, a piece of 256 bytes a step. What is not allowed is not taken."""

import hashlib

from protocol import update

PIECE = 256


class MemoryUpdates:
    """A stream is right if its SHA-256 is the digest that was allowed."""

    def __init__(self, vehicle):
        self._vehicle = vehicle
        self._allowed = b""
        self._size = 0
        self._data = b""
        self._waiting = b""
        self._digest = b""
        self.outcome = update.BUSY
        self.activated = self.rolled_back = False
        self.code = update.DONE  # what the next piece ends with

    @property
    def offset(self):
        return len(self._data) + len(self._waiting)

    def allow(self, digest, now_ms):
        self._allowed = digest

    def begin(self, size, now_ms):
        if not self._allowed:
            return update.NOT_ALLOWED
        if not self._vehicle.drive.is_parked():
            return update.MOVING
        if (size, self._allowed) != (self._size, self._digest) or self.outcome is not None:
            self._size, self._digest = size, self._allowed
            self._data = self._waiting = b""
        self.outcome = None
        return update.DONE

    def take(self, data, now_ms):
        if self.outcome is not None or self._waiting:
            return self.outcome or update.BUSY
        if self.offset + len(data) > self._size:
            self.outcome = update.SPACE
            return update.SPACE
        self._waiting = data
        return update.DONE

    def has_work(self):
        return bool(self._waiting)

    def step(self, now_ms):
        if self.code:
            self.outcome, self.code, self._waiting = self.code, update.DONE, b""
            return
        self._data += self._waiting[:PIECE]
        self._waiting = self._waiting[PIECE:]
        if len(self._data) == self._size:
            right = hashlib.sha256(self._data).digest() == self._digest
            self.outcome = update.DONE if right else update.DIGEST

    def finish(self, now_ms):
        if self.outcome is None:
            self.outcome = update.MALFORMED
        return update.DONE

    def activate(self, now_ms):
        if self.outcome or not self._vehicle.drive.is_parked():
            return self.outcome or update.MOVING
        self.activated = True
        return update.DONE

    def roll_back(self, now_ms):
        self.rolled_back = True
        return update.DONE

    def holds(self):
        return False

    def tick(self, now_ms):
        pass


def fit(vehicle):
    """Put one into a vehicle, before a tester came."""
    vehicle.updates = MemoryUpdates(vehicle)
    return vehicle.updates
