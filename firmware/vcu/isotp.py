"""ISO-TP (ISO 15765-2) on classic CAN, normal addressing: two machines fed with frames and time.

Frames are 8 bytes, padded with 0xCC; a message has 1 to 4,095 bytes. Anything else is counted and
ignored, so a damaged transfer yields no message rather than a wrong one.
"""

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Data

MAX_BYTES = 4095
TIMEOUT_MS = 1_000  # N_Bs and N_Cr
# A message may not hold the channel by being slow: on a free bus the longest takes a second.
MESSAGE_MS = 10_000
# The names of what the two machines count.
RECEIVER_COUNTERS = "malformed wrong_sequence timeouts overflows interrupted too_slow"
SENDER_COUNTERS = "malformed timeouts refused too_slow"
# A block fits the receive FIFO of the larger chips, for as long as nobody empties it.
BLOCK_SIZE = 16
MAX_WAITS = 10  # N_WFTmax

_FRAME = 8
_PAD = b"\xcc"
_SINGLE, _FIRST, _CONSECUTIVE, _FLOW = range(4)
_CONTINUE, _WAIT, _OVERFLOW = range(3)


def _padded(head: bytes, data: bytes = b"") -> bytes:
    return head + data + _PAD * (_FRAME - len(head) - len(data))


FLOW_CONTINUE = _padded(bytes((0x30, BLOCK_SIZE, 0)))
FLOW_OVERFLOW = _padded(bytes((0x32, 0, 0)))


class Receiver:
    """Puts messages together, asking for `block` frames at a time. After `take`, `reply` holds a
    flow control frame to send, or None."""

    def __init__(self, block: int = BLOCK_SIZE) -> None:
        self._buffer = bytearray(MAX_BYTES)
        self._most = block
        self._continue = _padded(bytes((0x30, block, 0)))
        self._size = 0  # 0: no message is under way
        self._have = 0
        self._sequence = 0
        self._block = 0
        self._last_ms = 0
        self._begun_ms = 0
        self.reply: "bytes | None" = None
        self.malformed = 0
        self.wrong_sequence = 0
        self.timeouts = 0
        self.overflows = 0
        self.interrupted = 0
        self.too_slow = 0

    def counters(self) -> "tuple[int, ...]":
        """In the order of RECEIVER_COUNTERS."""
        return (
            self.malformed,
            self.wrong_sequence,
            self.timeouts,
            self.overflows,
            self.interrupted,
            self.too_slow,
        )

    def is_busy(self) -> bool:
        return self._size > 0

    def take(self, frame: "Data", now_ms: int) -> "bytes | None":
        """Feed one frame; returns the message that it completes."""
        self.tick(now_ms)
        self.reply = None
        if len(frame) != _FRAME:
            self.malformed += 1
            return None
        kind = frame[0] >> 4
        if kind == _SINGLE:
            return self._single(frame)
        if kind == _FIRST:
            self._first(frame, now_ms)
        elif kind == _CONSECUTIVE:
            return self._consecutive(frame, now_ms)
        else:
            self.malformed += 1
        return None

    def tick(self, now_ms: int) -> None:
        """Give up on a sender that stopped (N_Cr), or that does not come to an end."""
        if not self._size:
            return
        if now_ms - self._last_ms >= TIMEOUT_MS:
            self._size = 0
            self.timeouts += 1
        elif now_ms - self._begun_ms >= MESSAGE_MS:
            self._size = 0
            self.too_slow += 1

    def _begin(self) -> None:
        # A new message ends the one that was under way (section 9.8.3 of the standard).
        if self._size:
            self._size = 0
            self.interrupted += 1

    def _single(self, frame: "Data") -> "bytes | None":
        size = frame[0] & 15
        if not 1 <= size <= 7:
            self.malformed += 1
            return None
        self._begin()
        return bytes(frame[1 : 1 + size])

    def _first(self, frame: "Data", now_ms: int) -> None:
        size = (frame[0] & 15) << 8 | frame[1]
        if size == 0:  # the escape for lengths of 32 bits: more than we take
            self._begin()
            self.overflows += 1
            self.reply = FLOW_OVERFLOW
            return
        if size < 8:
            self.malformed += 1
            return
        self._begin()
        self._size = size
        self._buffer[0:6] = frame[2:8]
        self._have = 6
        self._sequence = 1
        self._block = 0
        self._last_ms = now_ms
        self._begun_ms = now_ms
        self.reply = self._continue

    def _consecutive(self, frame: "Data", now_ms: int) -> "bytes | None":
        if not self._size:
            self.malformed += 1
            return None
        if frame[0] & 15 != self._sequence:
            self._size = 0
            self.wrong_sequence += 1
            return None
        count = min(7, self._size - self._have)
        self._buffer[self._have : self._have + count] = frame[1 : 1 + count]
        self._have += count
        self._sequence = (self._sequence + 1) & 15
        self._last_ms = now_ms
        if self._have == self._size:
            self._size = 0
            return bytes(memoryview(self._buffer)[: self._have])
        self._block += 1
        if self._block == self._most:
            self._block = 0
            self.reply = self._continue
        return None


class Sender:
    """Cuts one message at a time into frames, at the pace that the receiver asks for.

    `frame(now)` is the frame to send now, or None; `sent(now)` says that the bus took it.
    """

    def __init__(self) -> None:
        self._message: "bytes | None" = None
        self._at = 0
        self._sequence = 0
        self._waiting = False  # for flow control
        self._waits = 0
        self._left_in_block = 0  # 0: no limit
        self._gap_ms = 0
        self._since_ms = 0
        self._next_ms = 0
        self._begun_ms = 0
        self.timeouts = 0
        self.refused = 0
        self.malformed = 0
        self.too_slow = 0

    def counters(self) -> "tuple[int, ...]":
        """In the order of SENDER_COUNTERS."""
        return self.malformed, self.timeouts, self.refused, self.too_slow

    def is_busy(self) -> bool:
        return self._message is not None

    def start(self, message: bytes, now_ms: int) -> None:
        """Begin with a message of 1 to 4,095 bytes; one that was under way is dropped."""
        if not 1 <= len(message) <= MAX_BYTES:
            raise ValueError("length of an ISO-TP message")
        self._message = message
        self._at = 0
        self._sequence = 0
        self._waiting = False
        self._waits = 0
        self._since_ms = now_ms
        self._begun_ms = now_ms

    def abort(self) -> None:
        self._message = None

    def tick(self, now_ms: int) -> bool:
        """True if the message was given up: no flow control came, nothing left (N_Bs, N_As), or the
        receiver is too slow."""
        if self._message is None:
            return False
        if now_ms - self._since_ms >= TIMEOUT_MS:
            self.timeouts += 1
        elif now_ms - self._begun_ms >= MESSAGE_MS:
            self.too_slow += 1
        else:
            return False
        self._message = None
        return True

    def frame(self, now_ms: int) -> "bytes | None":
        message = self._message
        if message is None or self._waiting:
            return None
        size = len(message)
        if self._at == 0:
            if size <= 7:
                return _padded(bytes((size,)), message)
            return bytes((_FIRST << 4 | size >> 8, size & 0xFF)) + message[:6]
        if now_ms < self._next_ms:
            return None
        head = bytes((_CONSECUTIVE << 4 | self._sequence,))
        return _padded(head, message[self._at : self._at + 7])

    def sent(self, now_ms: int) -> bool:
        """The frame left. True if it was the last one of the message."""
        size = len(self._message or b"")
        self._since_ms = now_ms
        self._sequence = (self._sequence + 1) & 15
        if self._at == 0 and size > 7:
            self._at = 6
            self._waiting = True
            return False
        self._at += 7
        if self._at >= size:
            self._message = None
            return True
        self._next_ms = now_ms + self._gap_ms
        if self._left_in_block:
            self._left_in_block -= 1
            self._waiting = self._left_in_block == 0
        return False

    def flow(self, frame: "Data", now_ms: int) -> bool:
        """Feed a flow control frame. True if it ended the message: the receiver cannot take it."""
        if len(frame) != _FRAME or frame[0] >> 4 != _FLOW or frame[0] & 15 > _OVERFLOW:
            self.malformed += 1
            return False
        if self._message is None or not self._waiting:
            return False  # late, or for nobody: not an error of this message
        status = frame[0] & 15
        if status == _CONTINUE:
            self._waiting = False
            self._waits = 0
            self._left_in_block = frame[1]
            self._gap_ms = _gap_ms(frame[2])
            self._next_ms = now_ms
        elif status == _WAIT and self._waits < MAX_WAITS:
            self._waits += 1
        else:
            self._message = None
            self.refused += 1
            return True
        self._since_ms = now_ms
        return False


def _gap_ms(st_min: int) -> int:
    # 0xF1 to 0xF9 are 100 to 900 microseconds; reserved values mean the longest gap (table 20).
    if st_min <= 0x7F:
        return st_min
    return 1 if 0xF1 <= st_min <= 0xF9 else 127
