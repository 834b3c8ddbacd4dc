"""RoutineControl (0x31): the self-test, and what becomes of an update. Only start and results."""

from protocol import uds_table as table
from protocol import update

from vcu.uds import answers
from vcu.uds.answers import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

SERVICE = 0x31
START, STOP, RESULTS = 0x01, 0x02, 0x03
_MASK = 0xFFFF_FFFF


class Routines:
    """What ends in a reset leaves the time for the answer: `vehicle.updates` sees to it."""

    def __init__(self, vehicle: "Any", desk: "Any") -> None:
        self._vehicle = vehicle
        self._desk = desk
        self._head = b""
        self._results = b""  # of the last self-test
        self._checked = False

    def drop(self) -> None:
        """The session ended."""
        self._checked = False

    def control(self, data: bytes, programming: bool, now_ms: int) -> "Any":
        """The answer, or what says it later. Raises NegativeError."""
        need(len(data) >= 4, answers.LENGTH)
        kind, number = data[1] & 0x7F, data[2] << 8 | data[3]
        self._head = bytes((SERVICE + 0x40, kind)) + data[2:4]
        if number == table.SELF_TEST:
            need(not programming, answers.RANGE)
            return self._self_test(kind, data, now_ms)
        known = number in (table.CHECK_UPDATE, table.ACTIVATE_UPDATE, table.ROLLBACK)
        need(known and programming, answers.RANGE)
        need(kind == START, answers.NO_SUBFUNCTION)
        need(len(data) == 4, answers.LENGTH)
        if number == table.CHECK_UPDATE:
            return self._check(now_ms)
        need(number == table.ACTIVATE_UPDATE or self._desk.is_open(now_ms), answers.DENIED)
        return self._switch(number == table.ACTIVATE_UPDATE, now_ms)

    def _self_test(self, kind: int, data: bytes, now_ms: int) -> bytes:
        need(kind in (START, RESULTS), answers.NO_SUBFUNCTION)
        need(len(data) == 4, answers.LENGTH)
        if kind == RESULTS:
            need(bool(self._results), answers.SEQUENCE)
            return self._head + self._results
        need(self._desk.is_open(now_ms), answers.DENIED)
        need(self._desk.is_parked(), answers.CONDITIONS)
        try:
            from vcu import selftest
        except ImportError:  # an application without one
            raise answers.NegativeError(answers.CONDITIONS)
        out = b""
        for number, _, result, value, _ in selftest.running(self._vehicle, now_ms):
            out += bytes((number, result)) + (value & _MASK).to_bytes(4, "big")
        self._results = out
        return self._head + out

    def _check(self, now_ms: int) -> "Callable[[int], bytes | None]":
        self._checked = False
        code = self._vehicle.updates.finish(now_ms)
        self._desk.update_code = code
        need(not code, answers.BUSY if code == update.BUSY else answers.SEQUENCE)
        return self._verdict

    def _verdict(self, now_ms: int) -> "bytes | None":
        updates = self._vehicle.updates
        if updates.has_work() or updates.outcome is None:
            return None
        self._desk.update_code = updates.outcome
        self._checked = updates.outcome == 0
        return self._head + bytes((updates.outcome,))

    def _switch(self, forward: bool, now_ms: int) -> bytes:
        updates = self._vehicle.updates
        need(self._checked or not forward, answers.SEQUENCE)
        self._checked = False
        code = updates.activate(now_ms) if forward else updates.roll_back(now_ms)
        self._desk.update_code = code
        need(not code, answers.CONDITIONS)
        return self._head + b"\x00"
