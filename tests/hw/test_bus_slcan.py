"""The slcan channel without sockets: every command, every refusal, any split of the bytes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import BusError, SlcanError
from hw.virtual_bus.frame import Frame
from hw.virtual_bus.slcan import Channel, format_frame, parse_frame
from hw.virtual_bus.wire import Node


class Bench:
    """A channel whose frames are collected; `fails` makes the wire refuse."""

    def __init__(self, opened: bool = True) -> None:
        self.sent: list[Frame] = []
        self.counters: Counter[str] = Counter()
        self.fails = ""
        self.node = Node(0)
        self.channel = Channel(self.node, self._transmit, self.counters)
        if opened:
            assert self.channel.feed(b"S6\rO\r") == b"\r\r"

    def _transmit(self, node: Node, frame: Frame) -> None:
        if self.fails:
            raise BusError(self.fails)
        assert node is self.node
        self.sent.append(frame)

    def hears(self, frame: Frame) -> bytes:
        return self.channel.line(frame, 65_000, format_frame(frame))


@pytest.mark.parametrize(
    ("line", "frame", "answer"),
    [
        (b"t0502AbcD", Frame(0x50, b"\xab\xcd"), b"z\r"),
        (b"t7FF0", Frame(0x7FF), b"z\r"),
        (b"T1FFFFFFF101", Frame(0x1FFFFFFF, b"\1", True), b"Z\r"),
        (b"r1238", Frame(0x123, b"", False, 8), b"z\r"),
        (b"R000001230", Frame(0x123, b"", True, 0), b"Z\r"),
    ],
)
def test_frames_are_taken(line: bytes, frame: Frame, answer: bytes) -> None:
    bench = Bench()
    assert bench.channel.feed(line + b"\r") == answer
    assert bench.sent == [frame]


REFUSED = {
    b"t8000": "malformed-frame",  # above 11 bits
    b"T200000000": "malformed-frame",  # above 29 bits
    b"t0509" + b"00" * 9: "malformed-frame",
    b"t0502AB": "wrong-length",
    b"t0501ABCD": "wrong-length",
    b"t0501A": "malformed-frame",
    b"t 501AB": "malformed-frame",
    b"t0501+F": "malformed-frame",
    b"t0501\xb2\xb3": "malformed-frame",
    b"r1239": "malformed-frame",
    b"r1231AB": "malformed-frame",
    b"t": "malformed-frame",
    b"S6": "open",
    b"O": "open",
    b"M00000000": "open",
    b"Z1": "open",
    b"C1": "malformed-command",
    b"F0": "malformed-command",
    b"VX": "malformed-command",
    b"X": "unknown-command",
    b"\n": "unknown-command",
    b"\x00\xff": "unknown-command",
    b"T" + b"0" * 40: "line-too-long",
}


@pytest.mark.parametrize("line", REFUSED)
def test_anything_else_is_bell_under_its_reason_and_the_channel_lives(line: bytes) -> None:
    bench = Bench()
    assert bench.channel.feed(line + b"\r") == b"\x07"
    assert bench.counters == {f"refused:{REFUSED[line]}": 1}
    assert bench.channel.feed(b"t1230\r") == b"z\r"
    assert bench.sent == [Frame(0x123)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"S9", "no-such-bitrate"),
        (b"S", "no-such-bitrate"),
        (b"S66", "no-such-bitrate"),
        (b"O", "no-bitrate"),
        (b"C", "not-open"),
        (b"F", "not-open"),
        (b"t1230", "not-open"),
        (b"M123", "malformed-filter"),
        (b"m0000000G", "malformed-filter"),
        (b"Z2", "malformed-command"),
    ],
)
def test_a_closed_channel_refuses(line: bytes, reason: str) -> None:
    bench = Bench(opened=False)
    assert bench.channel.feed(line + b"\r") == b"\x07"
    assert bench.counters == {f"refused:{reason}": 1}


def test_version_serial_number_and_empty_lines_are_answered() -> None:
    assert Bench(opened=False).channel.feed(b"\r\rV\rN\r") == b"\r\rV1013\rNTF01\r"


def test_opening_sets_the_bit_rate_and_closing_ends_reception() -> None:
    bench = Bench(opened=False)
    bench.channel.feed(b"S5\rO\r")
    assert bench.node.bitrate == 250_000
    assert bench.hears(Frame(1)) == b"t0010\r"
    assert bench.channel.feed(b"C\r") == b"\r"
    assert bench.hears(Frame(1)) == b""


def test_listen_only_receives_and_does_not_send() -> None:
    bench = Bench(opened=False)
    assert bench.channel.feed(b"S6\rL\rt1230\r") == b"\r\r\x07"
    assert bench.counters == {"refused:listen-only": 1}
    assert bench.hears(Frame(1, b"\xab")) == b"t0011AB\r"


def test_timestamps_wrap_after_a_minute() -> None:
    bench = Bench(opened=False)
    bench.channel.feed(b"Z1\rS6\rO\r")
    assert bench.hears(Frame(1)) == b"t00101388\r"  # 65,000 ms - 60,000 ms


def test_the_filter_compares_code_where_the_mask_is_0() -> None:
    bench = Bench(opened=False)
    assert bench.channel.feed(b"M00000500\rm0000000F\rS6\rO\r") == b"\r" * 4
    passed = [n for n in range(0x800) if bench.hears(Frame(n))]
    assert passed == list(range(0x500, 0x510))
    assert bench.hears(Frame(0x503, b"", True))
    assert not bench.hears(Frame(0x10000503, b"", True))


def test_the_status_flags_follow_the_error_counter() -> None:
    bench = Bench()
    expected = {0: b"F00\r", 95: b"F00\r", 96: b"F04\r", 128: b"F24\r", 256: b"FA4\r"}
    for count, answer in expected.items():
        bench.node.error_count = count
        assert bench.channel.feed(b"F\r") == answer
    bench.channel.feed(b"C\rO\r")
    assert bench.channel.feed(b"F\r") == b"F00\r"


def test_what_the_wire_refuses_is_bell() -> None:
    bench = Bench()
    bench.fails = "bus-off"
    assert bench.channel.feed(b"t1230\r") == b"\x07"
    assert bench.counters == {"refused:bus-off": 1}


@given(st.binary(max_size=400), st.lists(st.integers(1, 40), max_size=40))
def test_garbage_in_any_pieces_gets_the_same_answers(data: bytes, sizes: list[int]) -> None:
    whole, pieces = Bench(), Bench()
    expected = whole.channel.feed(data + b"\r")
    answers, rest = b"", data + b"\r"
    for size in sizes:
        answers += pieces.channel.feed(rest[:size])
        rest = rest[size:]
    answers += pieces.channel.feed(rest)
    assert answers == expected
    assert pieces.counters == whole.counters
    # One answer a line: a carriage return at the end of each good one, a BELL for each bad one.
    assert answers.count(b"\r") + answers.count(b"\x07") == data.count(b"\r") + 1


@given(st.text("tTrRSOLCFVNZMm0123456789ABCDEFabcdef\r", max_size=200))
def test_near_misses_only_send_frames_that_exist(text: str) -> None:
    bench = Bench()
    bench.channel.feed(text.encode())
    for frame in bench.sent:
        assert parse_frame(format_frame(frame)) == frame


@given(
    st.integers(0, 0x1FFFFFFF), st.binary(max_size=8), st.booleans(), st.none() | st.integers(0, 8)
)
def test_frames_come_back(identifier: int, data: bytes, extended: bool, remote: int | None) -> None:
    identifier &= 0x1FFFFFFF if extended else 0x7FF
    frame = Frame(identifier, data if remote is None else b"", extended, remote)
    assert parse_frame(format_frame(frame)) == frame


@given(st.binary(max_size=30))
def test_only_slcan_errors_leave_the_parser(line: bytes) -> None:
    try:
        parse_frame(line)
    except SlcanError:
        return
    assert line[:1] in b"tTrR"
