"""The MCP2518FD driver against the model of the chip, and the model against misuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from can_backends import EXT, Mcp
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp2518fd_model import Chip
from mcp2518fd_pins import MisuseError, Spi
from vcu.can.controller import timing
from vcu.can.mcp2518fd import MCP2518FD

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")


def write(address, *values):
    return bytes([0x20 | address >> 8, address & 0xFF, *values])


def read(address, size):
    return bytes([0x30 | address >> 8, address & 0xFF]) + bytes(size)


def running(mode=6, fifos=b"\x01\x04\x00\x1f"):
    """A chip with FIFO 1 for receiving, FIFO 2 for sending, all filters off, in `mode`."""
    chip = Chip()
    chip.transfer(write(0x000, 0x60, 0x07, 0x00, 0x04))
    chip.transfer(write(0x05C, *fifos))
    chip.transfer(write(0x068, 0x80, 0x04, 0x60, 0x00))
    chip.transfer(write(0x003, mode))
    while chip.transfer(read(0x002, 1))[2] >> 5 != mode:
        pass
    return chip


# --- the model ---


def test_reset_values():
    chip = Chip()
    values = {
        0x000: 0x04980760,
        0x004: 0x003E0F0F,
        0x034: 0x00200000,
        0x05C: 0x00600400,
        0xE00: 0x00000460,
        0xE14: 0x00000014,
    }
    for address, value in values.items():
        assert int.from_bytes(chip.transfer(read(address, 4))[2:], "little") == value


@pytest.mark.parametrize(
    ("what", "transfer"),
    [
        ("bit timing outside of configuration mode", write(0x004, 0x01)),
        ("size of a FIFO", write(0x05F, 0x03)),
        ("direction of a FIFO", write(0x05C, 0x81)),
        ("transmit queue", write(0x002, 0x10)),
        ("mode from one to another", write(0x003, 0x03)),
        ("reset outside of configuration mode", bytes(2)),
        ("UINC of an empty FIFO", write(0x05D, 0x01)),
        ("request without a frame", write(0x069, 0x02)),
        ("no instruction", b"\x50\x00\x00"),
        ("instruction with CRC", b"\xb0\x00\x01\x00\x00\x00"),
        ("nothing written", b"\x20\x00"),
        ("half a command", b"\x20"),
        ("beyond the registers", read(0x2EC, 8)),
        ("beyond the RAM", read(0xBFC, 8)),
        ("beyond the special registers", read(0xE14, 8)),
        ("odd address in RAM", read(0x402, 4)),
        ("odd size in RAM", read(0x400, 3)),
        ("read only: error counters", write(0x034, 0)),
        ("read only: a FIFO's address", write(0x064, 0)),
        ("read only: identity", write(0xE14, 0)),
        ("a frame where the chip receives", write(0x400, 0, 0, 0, 0)),
        ("request through TXREQ", write(0x030, 4)),
    ],
)
def test_misuse_of_the_chip_raises(what, transfer):
    with pytest.raises(MisuseError):
        running().transfer(transfer)


def test_more_misuse_that_takes_two_steps():
    chip = running(mode=3)
    chip.transfer(write(0x400 + 512, *bytes(16)))
    with pytest.raises(MisuseError, match="in mode 3"):
        chip.transfer(write(0x069, 0x03))
    chip = running()
    chip.transfer(write(0x1D0, 0x81))
    for change in (write(0x1D0, 0x82), write(0x1F0, 1), write(0x1F4, 1)):
        with pytest.raises(MisuseError, match="while it is on"):
            chip.transfer(change)
    chip.transfer(write(0x600, *bytes(16)))
    chip.transfer(write(0x069, 0x03))
    with pytest.raises(MisuseError, match="while it is sent"):
        chip.transfer(write(0x600, *bytes(16)))
    with pytest.raises(MisuseError, match="full one"):
        chip.transfer(write(0x069, 0x01))
    with pytest.raises(MisuseError, match="configuration mode"):
        Chip().transfer(read(0x064, 4))
    big = b"\x01\x04\x00\xff"  # 32 frames of 64 bytes
    with pytest.raises(MisuseError, match="do not fit"):
        running(fifos=big)


def test_misuse_of_the_wires_raises():
    chip = Chip()
    spi = Spi(chip)
    buffer = bytearray(read(0, 1))
    with pytest.raises(MisuseError, match="without selecting"):
        spi.write_readinto(buffer, buffer)
    spi.cs(0)
    with pytest.raises(MisuseError, match="within a transfer"):
        spi.cs(0)
    spi.write_readinto(buffer, buffer)
    with pytest.raises(MisuseError, match="without selecting"):
        spi.write_readinto(buffer, buffer)
    spi.cs(1)
    spi.cs(0)
    with pytest.raises(MisuseError, match="for nothing"):
        spi.cs(1)
    with pytest.raises(MisuseError, match="hard"):
        chip.interrupt.irq(handler=print, trigger=2, hard=False)


# --- the driver ---


def opened(mode=MCP2518FD.MODE_NORMAL, clock_hz=40_000_000):
    stand = Mcp(clock_hz)
    stand.can.init(500_000, mode=mode)
    stand.can.set_filters(None)
    stand.can.state()
    return stand


@pytest.mark.parametrize("clock_hz", [20_000_000, 40_000_000])
@pytest.mark.parametrize("bitrate", [125_000, 250_000, 500_000, 1_000_000])
@pytest.mark.parametrize("sample_point", [75, 80])
def test_bit_timing_is_exact(clock_hz, bitrate, sample_point):
    stand = Mcp(clock_hz)
    stand.can.init(bitrate, sample_point=sample_point)
    assert stand.chip.bitrate() == bitrate and stand.chip.sample_point() == sample_point
    brp, tseg1, tseg2 = timing(clock_hz, bitrate, sample_point)
    assert clock_hz == bitrate * brp * (1 + tseg1 + tseg2)


def test_clocks_and_rates_that_it_cannot_have():
    with pytest.raises(ValueError):
        Mcp(8_000_000)
    with pytest.raises(ValueError):
        timing(40_000_000, 333_333, 75)
    for options in ({"sample_point": 0}, {"sjw": 5}):
        with pytest.raises(ValueError):
            Mcp().can.init(500_000, **options)


def test_a_chip_that_is_not_there():
    stand = Mcp()
    stand.chip.dead = True
    with pytest.raises(OSError):
        stand.can.init(500_000)
    stand.chip.dead = False
    stand.can.init(500_000)
    assert stand.chip.resets == 1


def test_a_stuck_bus_does_not_hold_the_caller():
    stand = Mcp()
    stand.chip.stuck = True
    stand.can.init(500_000)
    stand.can.set_filters(None)
    assert stand.can.send(0x50, b"") is None and stand.can.recv() is None
    assert stand.can.state() == MCP2518FD.STATE_ACTIVE
    stand.chip.stuck = False
    for _ in range(5):
        stand.can.state()
    assert stand.can.send(0x50, b"") is not None


def test_an_edge_in_the_middle_of_a_transfer_is_served_at_its_end():
    number = 0
    while True:
        number += 1
        stand = opened()
        stand.collect()
        left = [number]

        def interrupt(stand=stand, left=left):
            left[0] -= 1
            if left[0] == 0:
                stand.chip.deliver(0x110, b"in the middle"[:8])

        stand.spi.before = interrupt
        stand.can.send(0x50, b"12345678")
        stand.can.get_counters()
        stand.spi.before = None
        if left[0] > 0:
            assert number > 6
            break
        assert stand.collected == [(0x110, b"in the m", 0)], number
        assert stand.leave() == [(0x50, b"12345678", 0)]


def test_a_lost_edge_costs_no_more_than_a_turn():
    stand = opened()
    stand.collect()
    stand.chip.interrupt.held = True
    stand.deliver(0x110, b"a")
    stand.chip.interrupt.held = False
    stand.deliver(0x110, b"b")  # the pin is low already: no edge
    assert stand.collected == []
    stand.can.state()
    assert [frame[1] for frame in stand.collected] == [b"a", b"b"]
    assert stand.chip.interrupt() == 1


def test_an_error_interrupt_does_not_block_the_frames_behind_it():
    stand = opened()
    stand.collect()
    stand.errors(100, 0)
    assert stand.chip.interrupt() == 1 and stand.can._state == MCP2518FD.STATE_WARNING
    stand.deliver(0x110, b"a")
    assert len(stand.collected) == 1


def test_a_bus_off_that_the_chip_left_by_itself_is_seen_all_the_same():
    stand = opened()
    stand.chip.errors(256, 0)
    stand.chip.recover()
    assert stand.can.state() == MCP2518FD.STATE_BUS_OFF
    assert stand.chip.mode in (4, 6)


def test_frames_of_before_a_bus_off_are_not_lost_with_it():
    stand = opened()
    stand.collect()
    stand.chip.interrupt.held = True
    stand.deliver(0x110, b"before")
    stand.chip.errors(256, 0)
    stand.chip.interrupt.held = False
    stand.can.flags()  # whatever looks at the chip next
    assert stand.collected == [(0x110, b"before", 0)]
    assert stand.can.state() == MCP2518FD.STATE_BUS_OFF


def test_errors_show_while_it_only_listens():
    stand = opened(MCP2518FD.MODE_SILENT)
    before = stand.can.get_counters()[1]
    stand.errors(0, 50)
    assert stand.can.get_counters()[1] > before and stand.chip.rec == 0


def test_a_frame_can_be_called_back():
    stand = opened()
    index = stand.can.send(0x50, b"")
    assert stand.can.cancel_send(index) and not stand.can.cancel_send(index)
    assert stand.leave() == []
    assert stand.can.send(0x50, b"again") == index and stand.leave() == [(0x50, b"again", 0)]
    with pytest.raises(IndexError):
        stand.can.cancel_send(3)


def test_each_overrun_is_an_event():
    stand = opened()
    for _ in range(3):
        for i in range(34):
            stand.deliver(0x100 + i, b"")
        assert len(stand.receive()) == 32
    assert stand.can.get_counters()[7] == 3 and stand.chip.lost == 6


frames = st.tuples(
    st.integers(0, 0x7FF), st.binary(max_size=8), st.sampled_from([0, 1])
) | st.tuples(st.integers(0, 0x1FFFFFFF), st.binary(max_size=8), st.sampled_from([EXT, EXT | 1]))


@settings(max_examples=50)
@given(st.lists(frames, max_size=60), st.lists(frames, max_size=9))
def test_any_frames_in_any_order(incoming, outgoing):
    stand = opened()
    stand.collect()
    got, sent = [], []
    for i, frame in enumerate(incoming):
        identifier, data, flags = frame
        stand.deliver(*frame)
        got.append((identifier, bytes(len(data)) if flags & 1 else data, flags))
        if outgoing and i % 3 == 0:
            identifier, data, flags = outgoing.pop()
            if stand.can.send(identifier, data, flags) is not None:
                sent.append((identifier, bytes(len(data)) if flags & 1 else data, flags))
            if i % 2:
                for frame in stand.leave():
                    sent.remove(frame)
    for frame in stand.leave():
        sent.remove(frame)
    assert stand.collected == got and sent == []


@pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")
@pytest.mark.parametrize("name", ["mcp2518fd", "slcan"])
def test_the_driver_allocates_nothing(name):
    done = subprocess.run(
        [MICROPYTHON, Path(__file__).with_name("can_drivers.py"), name],
        env={"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    allocated, received, sent = map(int, done.stdout.split())
    assert (received, sent) == (1_200, 400)
    # Nothing of slcan runs in a hard interrupt: its larger functions may borrow memory for a call.
    assert allocated == 0 or name == "slcan"
