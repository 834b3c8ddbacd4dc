"""The slcan controller: adapters that answer badly, or not, and lines that are none."""

import pytest
from can_backends import SlcanStand
from hypothesis import given
from hypothesis import strategies as st
from vcu.can.slcan import Slcan

ACTIVE, BUS_OFF = Slcan.STATE_ACTIVE, Slcan.STATE_BUS_OFF


def opened(mode=Slcan.MODE_NORMAL):
    stand = SlcanStand()
    stand.can.init(500_000, mode=mode)
    stand.can.set_filters(None)
    stand.look()
    return stand


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (b"t1232AbCd\r", (0x123, b"\xab\xcd", 0)),
        (b"t1230\r", (0x123, b"", 0)),
        (b"t12311F0A5C\r", (0x123, b"\x1f", 0)),  # with a time stamp
        (b"T1ABCDEF01FF\r", (0x1ABCDEF0, b"\xff", 2)),
        (b"r1233\r", (0x123, bytes(3), 1)),
        (b"R1ABCDEF03\r", (0x1ABCDEF0, bytes(3), 3)),
        (b"r12330A5C\r", (0x123, bytes(3), 1)),
    ],
)
def test_lines_of_frames(line, frame):
    stand = opened()
    stand.uart.text(line)
    assert stand.receive() == [frame] and stand.can.bad_lines == 0


@pytest.mark.parametrize(
    "line",
    [
        b"t\r", b"t12\r", b"t123\r", b"t1239\r", b"t1231\r", b"t12310\r", b"t1231G0\r",
        b"t12320102 \r", b"t8000\r", b"x1230\r", b"T1ABCDEF\r", b"T2000000000\r",
        b"t12310000000\r", b"F\r", b"F1\r",
        b"FGG\r", b"t1238" + bytes(16) + b"\r", b"t" * 100 + b"\r", b"\x00\r", b"t-110\r",
    ],
)  # fmt: skip
def test_lines_that_are_none_are_counted_and_skipped(line):
    stand = opened()
    stand.uart.text(line + b"t1230\r")
    assert stand.receive() == [(0x123, b"", 0)] and stand.can.bad_lines == 1


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\r", b"\x07", b"z\r", b"t1230\r"])))
def test_any_text_is_survived(chunks):
    stand = opened()
    for chunk in chunks:
        stand.uart.text(chunk)
        for identifier, data, _ in stand.receive():
            assert 0 <= identifier < 1 << 29 and len(data) <= 8
        stand.can.get_counters()
    assert stand.can.state() in range(1, 5)


def test_an_adapter_that_does_not_answer_is_a_bus_off():
    stand = opened()
    assert stand.can.send(0x50, b"12345678") is not None
    stand.uart.dead = True
    for _ in range(20):
        stand.now_ms += 100
        stand.can.state()
    assert stand.can.state() == BUS_OFF
    stand.uart.dead = False
    stand.can.restart()
    stand.look()
    assert stand.can.state() == ACTIVE and stand.can.get_counters()[5] == 0


def test_a_channel_that_does_not_open_is_a_bus_off():
    stand = SlcanStand()
    stand.can.init(500_000)
    stand.uart.text(b"\x07\x07\x07")  # not even the last of three commands
    assert stand.can.state() == BUS_OFF


def test_a_uart_that_takes_nothing_is_a_bus_off():
    stand = opened()
    stand.uart.full = True
    assert stand.can.send(0x50, b"") is None and stand.can.state() == BUS_OFF


def test_an_adapter_that_answers_with_an_end_only():
    stand = opened()
    for i in range(Slcan.TX_QUEUE_LEN):
        assert stand.can.send(0x50 + i, b"") == i
    assert stand.can.send(0x60, b"") is None
    stand.uart.text(b"\r\x07\r")  # two were sent, one was refused
    assert stand.can.get_counters()[5] == 1
    assert stand.can.send(0x60, b"") is not None


def test_modes_that_the_protocol_has_not():
    for mode in (Slcan.MODE_LOOPBACK, Slcan.MODE_SILENT_LOOPBACK):
        with pytest.raises(ValueError):
            SlcanStand().can.init(500_000, mode=mode)


def test_it_says_what_it_listens_to_before_it_speaks():
    written = []
    stand = SlcanStand()
    stand.uart.write = lambda line: written.append(bytes(line)) or len(line)
    stand.can.init(250_000, mode=Slcan.MODE_SILENT)
    stand.can.deinit()
    stand.can.init(1_000_000)
    assert written == [b"C\rS5\rL\r", b"C\r", b"C\rS8\rO\r"]
