"""ReadDTCInformation (0x19) and ClearDiagnosticInformation (0x14)."""

from vcu.uds import answers, troubles
from vcu.uds.answers import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ = 0x19
CLEAR = 0x14
COUNT, BY_MASK, FREEZE_FRAME, EXTENDED, SUPPORTED = 0x01, 0x02, 0x04, 0x06, 0x0A
_FORMAT = 0x01  # of the codes: ISO 14229-1
_ALL = 0xFFFFFF
_ANY_RECORD = 0xFF
_FRAME_RECORD = 0x01
_OCCURRENCES, _STARTS_SINCE = 0x01, 0x02


def read(desk: "Any", request: bytes) -> bytes:
    """Raises NegativeError."""
    kind = request[1] & 0x7F
    head = bytes((READ + 0x40, kind))
    if kind == SUPPORTED:
        need(len(request) == 2, answers.LENGTH)
        return head + _listed(desk, 0)
    if kind in (COUNT, BY_MASK):
        need(len(request) == 3, answers.LENGTH)
        mask = request[2] & troubles.AVAILABLE
        listed = _listed(desk, mask) if mask else bytes((troubles.AVAILABLE,))
        if kind == BY_MASK:
            return head + listed
        return head + listed[:1] + bytes((_FORMAT,)) + (len(listed) // 4).to_bytes(2, "big")
    need(kind in (FREEZE_FRAME, EXTENDED), answers.NO_SUBFUNCTION)
    need(len(request) == 6, answers.LENGTH)
    number = int.from_bytes(request[2:5], "big")
    need(number in troubles.numbers(), answers.RANGE)
    status = desk.troubles.status(number, number in desk.present())
    record = _frame if kind == FREEZE_FRAME else _extended
    return head + request[2:5] + bytes((status,)) + record(desk, number, request[5])


def clear(desk: "Any", request: bytes, now_ms: int) -> bytes:
    """What is still there comes back at once, with a new freeze frame. Raises NegativeError."""
    need(len(request) == 4, answers.LENGTH)
    number = int.from_bytes(request[1:4], "big")
    need(number == _ALL or number in troubles.numbers(), answers.RANGE)
    need(desk.is_open(now_ms), answers.DENIED)
    need(desk.is_parked(), answers.CONDITIONS)
    try:
        desk.troubles.clear(None if number == _ALL else number, now_ms)
    except OSError:
        raise answers.NegativeError(answers.PROGRAMMING)
    desk.see_again()
    return bytes((CLEAR + 0x40,))


def _listed(desk: "Any", mask: int) -> bytes:
    # With mask 0 all that there can be.
    out = bytearray((troubles.AVAILABLE,))
    present = desk.present()
    for number in troubles.numbers():
        status = desk.troubles.status(number, number in present)
        if status & mask or not mask:
            out += number.to_bytes(3, "big") + bytes((status,))
    return bytes(out)


def _frame(desk: "Any", number: int, record: int) -> bytes:
    need(record in (_FRAME_RECORD, _ANY_RECORD), answers.RANGE)
    entry = desk.troubles.entries.get(number)
    return bytes((_FRAME_RECORD,)) + entry[2] if entry else b""


def _extended(desk: "Any", number: int, record: int) -> bytes:
    need(record in (_OCCURRENCES, _STARTS_SINCE, _ANY_RECORD), answers.RANGE)
    entry = desk.troubles.entries.get(number)
    if not entry:
        return b""
    out = b""
    if record != _STARTS_SINCE:
        out += bytes((_OCCURRENCES, entry[1]))
    if record != _OCCURRENCES:
        out += bytes((_STARTS_SINCE, desk.troubles.starts_since(number)))
    return out
