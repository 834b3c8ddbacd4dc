"""A classic CAN frame: its rank in arbitration and its exact length on the wire.

ISO 11898-1, stuff bits included. Refuses identifiers and lengths that a classic frame cannot have.
"""

from functools import lru_cache
from typing import NamedTuple

from hw.errors import FrameError

CRC15_POLYNOMIAL = 0x4599
STUFF_AFTER = 5
# CRC delimiter, acknowledge slot, its delimiter, end of frame: never stuffed.
TRAILER_BITS = 10
INTERFRAME_BITS = 3
# Error flags of both sides and the delimiter, as in the worst case that a receiver must bear.
ERROR_FRAME_BITS = 20


class Frame(NamedTuple):
    """One frame. `remote_length` is the length that a remote frame asks for, None for data."""

    identifier: int
    data: bytes = b""
    extended: bool = False
    remote_length: int | None = None


def checked(frame: Frame) -> Frame:
    """The same frame. Raises FrameError if it cannot exist."""
    limit = 0x1FFFFFFF if frame.extended else 0x7FF
    if not 0 <= frame.identifier <= limit:
        raise FrameError(f"identifier 0x{frame.identifier:X} is above 0x{limit:X}")
    if len(frame.data) > 8 or not 0 <= (frame.remote_length or 0) <= 8:
        raise FrameError(f"0x{frame.identifier:X}: more than 8 bytes")
    if frame.remote_length is not None and frame.data:
        raise FrameError(f"0x{frame.identifier:X}: a remote frame has no data")
    return frame


def arbitration_rank(frame: Frame) -> int:
    """The arbitration field as a number: the lowest one wins the bus, dominant being 0."""
    remote = int(frame.remote_length is not None)
    if not frame.extended:
        return frame.identifier << 21 | remote << 20
    base, extension = frame.identifier >> 18, frame.identifier & 0x3FFFF
    return base << 21 | 0b11 << 19 | extension << 1 | remote


def _crc15_step(crc: int) -> int:
    for _ in range(8):
        crc = crc << 1 ^ CRC15_POLYNOMIAL if crc & 0x4000 else crc << 1
    return crc & 0x7FFF


_CRC15_STEPS = tuple(_crc15_step(value << 7) for value in range(256))


def crc15(data: bytes) -> int:
    """The frame check sequence of CAN. Leading zero bits do not change it."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0x7FFF) ^ _CRC15_STEPS[crc >> 7 ^ byte]
    return crc


def _stuff_bit(state: int, bit: int) -> tuple[int, int]:
    """(next state, stuff bits added). A state is 2 * run length + last bit, 0 before the frame.

    After five equal bits an opposite one is inserted, and it counts as the first of its own run.
    """
    run = (state >> 1) + 1 if state and state & 1 == bit else 1
    if run == STUFF_AFTER:
        return 2 | bit ^ 1, 1
    return run << 1 | bit, 0


def _stuff_byte(state: int, byte: int) -> tuple[int, int]:
    added = 0
    for shift in range(7, -1, -1):
        state, more = _stuff_bit(state, byte >> shift & 1)
        added += more
    return state, added


_STUFF_STEPS = tuple(tuple(_stuff_byte(state, byte) for byte in range(256)) for state in range(10))


def _header(frame: Frame) -> tuple[int, int]:
    """(bits as a number, how many): from the start of frame to the data length code."""
    rank = arbitration_rank(frame)
    remote = frame.remote_length
    length = len(frame.data) if remote is None else remote
    if frame.extended:
        return rank << 6 | length, 39  # start, 32 bits of arbitration, r1, r0, length
    return rank >> 20 << 6 | length, 19  # start, identifier, RTR, IDE, r0, length


@lru_cache(maxsize=4096)
def frame_bits(frame: Frame) -> int:
    """Bits on the wire from the start of the frame to its last end-of-frame bit."""
    word, count = _header(frame)
    word = word << 8 * len(frame.data) | int.from_bytes(frame.data, "big")
    count += 8 * len(frame.data)
    word = word << 15 | crc15(word.to_bytes((count + 7) // 8, "big"))
    count += 15
    state = added = 0
    leading = count % 8
    for shift in range(count - 1, count - leading - 1, -1):
        state, more = _stuff_bit(state, word >> shift & 1)
        added += more
    for byte in (word & (1 << count - leading) - 1).to_bytes(count // 8, "big"):
        state, more = _STUFF_STEPS[state][byte]
        added += more
    return count + added + TRAILER_BITS
