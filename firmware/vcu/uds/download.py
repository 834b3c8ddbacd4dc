"""RequestDownload, TransferData, RequestTransferExit (0x34, 0x36, 0x37): only an update, only in
the order of its bytes. Whether it is taken, vcu/update/ decides.
"""

from protocol import update

from vcu.uds import answers
from vcu.uds.answers import need
from vcu.uds.desk import tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

REQUEST, TRANSFER, EXIT = 0x34, 0x36, 0x37
DATA_BYTES = 2_048  # of one block; each costs its memory twice while it comes
MAX_BLOCK = DATA_BYTES + 2
_FORM = b"\x00\x44"  # neither packed nor encrypted; four bytes of address, four of size
_NOTHING = -1
_CODES = {
    update.MOVING: answers.CONDITIONS,
    update.BATTERY: answers.VOLTAGE_LOW,
    update.NOT_ALLOWED: answers.DENIED,
    update.BUSY: answers.BUSY,
    update.MALFORMED: answers.RANGE,
    update.SPACE: answers.RANGE,
}


class Download:
    """`desk` keeps the code with which an update was refused."""

    def __init__(self, vehicle: "Any", desk: "Any") -> None:
        self._updates = vehicle.updates
        self._desk = desk
        self._size = 0  # 0: none is under way
        self._counter = 0
        self._piece = b""
        self._taken = False

    def drop(self) -> None:
        """The session ended. What was taken stays: a new request goes on there."""
        self._size = 0
        self._piece = b""

    def request(self, data: bytes, now_ms: int) -> bytes:
        """Raises NegativeError."""
        need(len(data) == 11, answers.LENGTH)
        size = int.from_bytes(data[7:11], "big")
        need(data[1:3] == _FORM and not any(data[3:7]) and size > 0, answers.RANGE)
        tidy()  # the installer is loaded now
        code = self._updates.begin(size, now_ms)
        if code:
            self._fail(code, answers.NOT_ACCEPTED)
        self._desk.update_code = 0
        self._size = size
        self._counter = 0
        self._taken = False
        return bytes((REQUEST + 0x40, 0x20, MAX_BLOCK >> 8, MAX_BLOCK & 0xFF))

    def transfer(self, data: bytes, now_ms: int) -> "Callable[[int], bytes | None]":
        """Returns what says the answer when the block is on flash. Raises NegativeError."""
        need(len(data) >= 3, answers.LENGTH)
        need(self._size > 0, answers.SEQUENCE)
        if data[1] == self._counter and self._taken:
            return self._again  # its answer was lost
        need(data[1] == (self._counter + 1) & 0xFF, answers.COUNTER)
        need(len(data) <= MAX_BLOCK, answers.LENGTH)
        need(self._updates.offset + len(data) - 2 <= self._size, answers.SUSPENDED)
        self._piece = data[2:]
        self._taken = False
        return self._stored

    def exit(self, data: bytes, now_ms: int) -> bytes:
        """Raises NegativeError: bytes are missing."""
        need(len(data) == 1, answers.LENGTH)
        need(0 < self._size == self._updates.offset, answers.SEQUENCE)
        self._size = 0
        return bytes((EXIT + 0x40,))

    def _again(self, now_ms: int) -> "bytes | None":
        return bytes((TRANSFER + 0x40, self._counter))

    def _stored(self, now_ms: int) -> "bytes | None":
        if self._updates.has_work():
            return None  # of what came before: flash is slower than the bus
        if not self._taken:
            code = self._updates.take(self._piece, now_ms)
            self._piece = b""
            if code:
                self._fail(code, answers.PROGRAMMING)
            self._taken = True
            if self._updates.has_work():
                return None
        if self._updates.outcome:
            self._fail(self._updates.outcome, answers.PROGRAMMING)
        self._counter = (self._counter + 1) & 0xFF
        return self._again(now_ms)

    def _fail(self, code: int, otherwise: int) -> None:
        self._size = 0
        self._desk.update_code = code
        raise answers.NegativeError(_CODES.get(code, otherwise))
