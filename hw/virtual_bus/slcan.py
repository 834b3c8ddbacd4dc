"""One slcan channel (Lawicel ASCII) as bytes in, answers and frames out; no socket.

Anything that is not a command, or not one for the channel's present state, answers BELL and is
counted under its reason. Frames are as strict as the letter: exact lengths, hexadecimal only.
"""

import re
from collections import Counter
from collections.abc import Callable

from hw.errors import BusError, SlcanError
from hw.virtual_bus.frame import Frame
from hw.virtual_bus.wire import Node

OK = b"\r"
BELL = b"\x07"
BITRATES = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)
# The longest command is T with 8 bytes: 1 + 8 + 1 + 16.
MAX_LINE = 26
TIMESTAMP_WRAP_MS = 60_000
ACCEPT_ALL = (0, 0xFFFFFFFF)

WARNING_FLAG, PASSIVE_FLAG, BUS_ERROR_FLAG = 0x04, 0x20, 0x80
WARNING_AT, PASSIVE_AT = 96, 128

_DATA = re.compile(rb"(?:t([0-7][0-9A-Fa-f]{2})|T([01][0-9A-Fa-f]{7}))([0-8])((?:[0-9A-Fa-f]{2})*)")
_REMOTE = re.compile(rb"(?:r([0-7][0-9A-Fa-f]{2})|R([01][0-9A-Fa-f]{7}))([0-8])")
_FILTER = re.compile(rb"[Mm]([0-9A-Fa-f]{8})")


def parse_frame(line: bytes) -> Frame:
    """The frame of a t, T, r or R line without its end. Raises SlcanError."""
    if data := _DATA.fullmatch(line):
        standard, extended, length, payload = data.groups()
        if len(payload) != 2 * int(length):
            raise SlcanError("wrong-length")
        identifier = int(standard or extended, 16)
        return Frame(identifier, bytes.fromhex(payload.decode("ascii")), extended is not None)
    if remote := _REMOTE.fullmatch(line):
        standard, extended, length = remote.groups()
        return Frame(int(standard or extended, 16), b"", extended is not None, int(length))
    raise SlcanError("malformed-frame")


def format_frame(frame: Frame) -> bytes:
    """The line of a frame without its end."""
    identifier = f"{frame.identifier:08X}" if frame.extended else f"{frame.identifier:03X}"
    if frame.remote_length is not None:
        return f"{'R' if frame.extended else 'r'}{identifier}{frame.remote_length}".encode()
    letter = "T" if frame.extended else "t"
    return f"{letter}{identifier}{len(frame.data)}{frame.data.hex().upper()}".encode()


class Channel:
    """State of one client: closed or open, bit rate, filter, timestamps."""

    def __init__(
        self,
        node: Node,
        transmit: Callable[[Node, Frame], None],
        counters: Counter[str],
    ) -> None:
        """`transmit` takes a frame or raises BusError with the reason."""
        self.node = node
        self.is_open = False
        self._bitrate = 0
        self._listen_only = False
        self._timestamps = False
        self._code, self._mask = ACCEPT_ALL
        self._partial = b""
        self._overlong = False
        self._transmit = transmit
        self._counters = counters

    def feed(self, data: bytes) -> bytes:
        """Takes bytes as they come and returns the answers. Never raises."""
        *lines, rest = (self._partial + data).split(OK)
        answers = [answer for line in lines for answer in self._answer(line)]
        if len(rest) > MAX_LINE:
            # Remember only that it was too long: the rest of it ends at the next carriage return.
            self._overlong = True
            rest = b""
        self._partial = rest
        return b"".join(answers)

    def line(self, frame: Frame, time_ms: int, text: bytes) -> bytes:
        """What the client gets for a received frame: nothing when closed or filtered."""
        if not self.is_open or not self.accepts(frame):
            return b""
        if self._timestamps:
            return b"%s%04X\r" % (text, time_ms % TIMESTAMP_WRAP_MS)
        return text + OK

    def accepts(self, frame: Frame) -> bool:
        """Whether the acceptance filter lets a frame pass; a mask bit of 1 means "do not care"."""
        care = ~self._mask & (0x1FFFFFFF if frame.extended else 0x7FF)
        return (frame.identifier ^ self._code) & care == 0

    def _answer(self, line: bytes) -> list[bytes]:
        if self._overlong or len(line) > MAX_LINE:
            self._overlong = False
            return [self._refuse("line-too-long")]
        if not line:
            return [OK]  # clients send empty lines to clear what was left of an earlier session
        try:
            return [self._command(line)]
        except BusError as error:
            return [self._refuse(str(error))]

    def _refuse(self, reason: str) -> bytes:
        self._counters[f"refused:{reason}"] += 1
        return BELL

    def _command(self, line: bytes) -> bytes:
        letter = line[:1]
        if letter in b"tTrR":
            return self._send(line)
        handler = _COMMANDS.get(letter)
        if handler is None:
            raise SlcanError("unknown-command")
        return handler(self, line)

    def _send(self, line: bytes) -> bytes:
        frame = parse_frame(line)
        self._require(is_open=True)
        if self._listen_only:
            raise SlcanError("listen-only")
        self._transmit(self.node, frame)
        return b"Z\r" if frame.extended else b"z\r"

    def _require(self, *, is_open: bool) -> None:
        if self.is_open is not is_open:
            raise SlcanError("open" if self.is_open else "not-open")

    def _set_bitrate(self, line: bytes) -> bytes:
        self._require(is_open=False)
        if len(line) != 2 or not b"0" <= line[1:] <= b"8":
            raise SlcanError("no-such-bitrate")
        self._bitrate = BITRATES[int(line[1:])]
        return OK

    def _open(self, line: bytes) -> bytes:
        _exactly(line, 1)
        self._require(is_open=False)
        if not self._bitrate:
            raise SlcanError("no-bitrate")
        self.node.bitrate = self._bitrate
        self.node.error_count = 0  # opening is the restart that ends bus-off
        self._listen_only = line == b"L"
        self.is_open = True
        return OK

    def _close(self, line: bytes) -> bytes:
        _exactly(line, 1)
        self._require(is_open=True)
        self.is_open = False
        return OK

    def _flags(self, line: bytes) -> bytes:
        _exactly(line, 1)
        self._require(is_open=True)
        errors = self.node.error_count
        flags = WARNING_FLAG * (errors >= WARNING_AT) | PASSIVE_FLAG * (errors >= PASSIVE_AT)
        return b"F%02X\r" % (flags | BUS_ERROR_FLAG * self.node.bus_off)

    def _set_timestamps(self, line: bytes) -> bytes:
        self._require(is_open=False)
        if line not in (b"Z0", b"Z1"):
            raise SlcanError("malformed-command")
        self._timestamps = line == b"Z1"
        return OK

    def _set_filter(self, line: bytes) -> bytes:
        self._require(is_open=False)
        found = _FILTER.fullmatch(line)
        if found is None:
            raise SlcanError("malformed-filter")
        if line[:1] == b"M":
            self._code = int(found[1], 16)
        else:
            self._mask = int(found[1], 16)
        return OK

    def _version(self, line: bytes) -> bytes:
        _exactly(line, 1)
        return b"V1013\r" if line == b"V" else b"NTF01\r"


def _exactly(line: bytes, length: int) -> None:
    if len(line) != length:
        raise SlcanError("malformed-command")


_COMMANDS: dict[bytes, Callable[[Channel, bytes], bytes]] = {
    b"S": Channel._set_bitrate,
    b"O": Channel._open,
    b"L": Channel._open,
    b"C": Channel._close,
    b"F": Channel._flags,
    b"Z": Channel._set_timestamps,
    b"M": Channel._set_filter,
    b"m": Channel._set_filter,
    b"V": Channel._version,
    b"N": Channel._version,
}
