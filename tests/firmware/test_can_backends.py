"""One behaviour, whatever controller is behind it: the shape of machine.CAN, as documented."""

from pathlib import Path

import pytest
from board_fakes import FakeCan
from can_backends import EXT, RTR, Fake, Mcp, SlcanStand, Virtual
from vcu.can.port import COUNTERS, Port
from vcu.can.signals import Signals

from protocol import can
from workbench.application import collect_application
from workbench.files import BoardFiles

ROOT = Path(__file__).resolve().parents[2]
ACTIVE, WARNING, PASSIVE, BUS_OFF = range(1, 5)
LOCAL = {
    "machine_can": Fake,
    "mcp2518fd": Mcp,
    "mcp2518fd at 20 MHz": lambda: Mcp(20_000_000),
    "slcan": SlcanStand,
}


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    """One board for all tests but those that lose its bus."""
    stand = Virtual(tmp_path_factory.mktemp("board"))
    yield stand
    stand.close()


@pytest.fixture(params=[*LOCAL, "virtual"])
def stand(request):
    if request.param == "virtual":
        stand = request.getfixturevalue("virtual")
        stand.can.deinit()
        return stand
    return LOCAL[request.param]()


@pytest.fixture(params=[*LOCAL, "virtual"])
def own_stand(request, tmp_path):
    stand = Virtual(tmp_path) if request.param == "virtual" else LOCAL[request.param]()
    yield stand
    stand.close()


def open_all(stand, mode=FakeCan.MODE_NORMAL):
    stand.can.init(500_000, mode=mode)
    stand.can.set_filters(None)
    stand.look()
    return stand.can


def test_nothing_is_received_before_set_filters(stand):
    stand.can.init(500_000)
    stand.look()
    stand.deliver(0x110, b"lost")
    assert stand.receive() == []
    stand.can.set_filters(())
    stand.deliver(0x110, b"lost")
    assert stand.receive() == []
    stand.can.set_filters(None)
    stand.deliver(0x110, b"here")
    assert stand.receive() == [(0x110, b"here", 0)]


def test_filters_are_ored_and_masked(stand):
    device = open_all(stand)
    device.set_filters(((0x300, 0x700, 0), (0x101, 0x7FF, 0), (0x1ABC0000, 0x1FFF0000, EXT)))
    wanted = [(0x300, b"", 0), (0x3FF, b"a", 0), (0x101, b"b", 0), (0x1ABCDEF0, b"c", EXT)]
    others = [(0x2FF, b"", 0), (0x400, b"", 0), (0x100, b"", 0), (0x1ABD0000, b"", EXT),
              (0x101, b"", EXT), (0x300, b"", EXT)]  # fmt: skip
    for frame in [*others, *wanted]:
        stand.deliver(*frame)
    assert sorted(stand.receive()) == sorted(wanted)


def test_every_length_and_kind_comes_through(stand):
    open_all(stand)
    frames = [(0x100 + size, bytes(range(size)), 0) for size in range(9)]
    frames += [(0x1ABCDEF, b"long", EXT), (0x7, bytes(3), RTR), (0x1FFFFFFE, bytes(8), EXT | RTR)]
    for frame in frames:
        stand.deliver(*frame)
    assert sorted(stand.receive()) == sorted(frames)


def test_what_is_sent_leaves_as_it_is(stand):
    device = open_all(stand)
    for frame in [(0x100, b"12345678", 0), (0x7FE, b"", 0), (0x1FFFFFFF, b"x", EXT), (0x0, b"0", 0),
                  (0x5, bytes(4), RTR), (0x12345678, bytes(2), EXT | RTR)]:  # fmt: skip
        index = device.send(*frame)
        assert 0 <= index < device.TX_QUEUE_LEN
        assert stand.leave() == [frame]


def test_buffers_are_few_and_one_identifier_keeps_its_order(stand):
    device = open_all(stand)
    most = device.TX_QUEUE_LEN
    frames = [(0x300, b"a", 0), (0x300, b"b", 0), (0x50, b"c", 0), (0x200, b"d", 0)]
    taken = stand.send_all(frames + [(0x400 + i, b"", 0) for i in range(most)])
    accepted = [i for i in taken if i is not None]
    assert len(accepted) == most == len(set(accepted))
    left = stand.leave()
    assert len(left) == most
    mine = [frame[1] for frame in left if frame[0] == 0x300]
    assert mine == [b"a", b"b"][: len(mine)]
    if stand.priorities:
        assert left == sorted(left)
    assert device.send(0x300, b"e") is not None
    stand.leave()
    unordered = stand.send_all([(0x300, b"f", device.FLAG_UNORDERED), (0x300, b"g", 16)])
    assert None not in unordered
    assert sorted(frame[1] for frame in stand.leave()) == [b"f", b"g"]


def test_a_silent_controller_says_nothing_but_hears(stand):
    device = open_all(stand, FakeCan.MODE_SILENT)
    assert device.send(0x50, bytes(8)) is None
    assert stand.leave() == []
    stand.deliver(0x110, b"heard")
    assert stand.receive() == [(0x110, b"heard", 0)]


def test_the_interrupt_drains_what_comes(stand):
    open_all(stand)
    stand.collect()
    frames = [(0x100 + i, bytes([i]), 0) for i in range(20)]
    for frame in frames:
        stand.deliver(*frame)
        stand.look()
    assert sorted(stand.collected) == frames
    assert stand.can.get_counters()[6] == 0


def test_a_start_forgets_filters_and_interrupt(stand):
    open_all(stand)
    stand.collect()
    stand.can.deinit()
    stand.can.init(500_000)
    stand.look()
    stand.deliver(0x110, b"lost")
    stand.look()
    stand.can.set_filters(None)
    stand.deliver(0x111, b"waits")
    stand.look()
    assert stand.collected == []
    assert stand.receive() == [(0x111, b"waits", 0)]


def test_an_overrun_is_flagged_once_and_counted(stand):
    device = open_all(stand)
    depth = stand.depth
    for i in range(depth + 3):  # the virtual one's mark is one more
        stand.deliver(0x100 + i, b"")
    stand.look()
    if isinstance(stand, Virtual):
        # What it holds now, and no more: the last mark may come while this empties it.
        flags = device.run("print([c.recv()[3] for _ in range(c.get_counters()[6])])")
    else:
        flags = []
        while (frame := device.recv()) is not None:
            flags.append(frame[3])
    assert len(flags) == depth
    overrun = [flag & device.RECV_ERR_OVERRUN != 0 for flag in flags]
    assert overrun == [True] + [False] * (depth - 1)
    assert device.get_counters()[7] > 0


def test_bus_off_ends_only_with_restart(own_stand):
    stand = own_stand
    device = open_all(stand)
    assert device.state() == ACTIVE
    stand.bus_off()
    assert device.state() == BUS_OFF and device.get_counters()[4] == 1
    with pytest.raises(OSError, match=r"5|EIO"):
        device.send(0x50, bytes(8))
    if isinstance(stand, Virtual):
        device.restart()
        assert device.state() == BUS_OFF  # its bus is still away
        return
    if isinstance(stand, Mcp):
        stand.chip.recover()  # the chip itself would come back
    assert device.state() == BUS_OFF
    stand.deliver(0x110, b"unheard")
    if isinstance(stand, SlcanStand):
        stand.uart.node.error_count = 0
    device.restart()
    stand.look()
    assert device.state() == ACTIVE and device.get_counters()[:5] == [0] * 5
    stand.receive()
    stand.deliver(0x110, b"again")
    assert stand.receive() == [(0x110, b"again", 0)]
    assert device.send(0x50, b"") is not None and stand.leave() == [(0x50, b"", 0)]


@pytest.mark.parametrize("name", LOCAL)  # the virtual board's wire has no error counters
def test_error_states_come_and_go_and_are_counted(name):
    stand = LOCAL[name]()
    device = open_all(stand)
    seen = []
    for level in (0, 95, 96, 127, 128, 96, 0, 130):
        stand.errors(level, 0)
        seen.append(device.state())
    assert seen == [ACTIVE, ACTIVE, WARNING, WARNING, PASSIVE, WARNING, ACTIVE, PASSIVE]
    assert device.get_counters()[2:5] == [2, 2, 0]


@pytest.mark.parametrize("bitrate", [125_000, 250_000, 500_000, 1_000_000])
def test_bit_rates(stand, bitrate):
    stand.can.init(bitrate, mode=FakeCan.MODE_SILENT)
    assert stand.can.get_timings()[0] == bitrate
    assert stand.bitrate() == bitrate


def test_before_init_it_refuses(stand):
    assert stand.can.state() == 0
    for call in (
        lambda: stand.can.send(1, b""),
        lambda: stand.can.recv(),
        lambda: stand.can.restart(),
        lambda: stand.can.set_filters(None),
        lambda: stand.can.get_counters(),
        lambda: stand.can.irq(None),
    ):
        with pytest.raises(OSError, match=r"22|EINVAL"):
            call()


def test_arguments_that_do_not_exist(stand):
    device = open_all(stand)
    for call, error in [
        (lambda: device.init(123), ValueError),
        (lambda: device.init(500_000, mode=9), ValueError),
        (lambda: device.send(0x800, b""), ValueError),
        (lambda: device.send(-1, b""), ValueError),
        (lambda: device.send(1 << 29, b"", EXT), ValueError),
        (lambda: device.send(1, bytes(9)), OverflowError),
        (lambda: device.set_filters([(0x800, 0, 0)]), ValueError),
        (lambda: device.set_filters([(0, 0x800, 0)]), ValueError),
        (lambda: device.set_filters([(0, 0, RTR)]), ValueError),
        (lambda: device.set_filters([(0, 0, 0)] * (device.FILTERS_MAX + 1)), ValueError),
        (lambda: device.irq(None, 64), ValueError),
    ]:
        with pytest.raises(error):
            call()
    stand.deliver(0x110, b"there")  # what was there before, is
    assert stand.receive() == [(0x110, b"there", 0)]


@pytest.mark.parametrize("name", LOCAL)
def test_lists_are_filled_in_place(name):
    stand = LOCAL[name]()
    device = open_all(stand)
    counters = [None] * 8
    assert device.get_counters(counters) is counters and counters == [0] * 8
    buffer = bytearray(8)
    arg = [0, memoryview(buffer), 0, 0]
    for data in (b"xy", b"", b"12345678", b"abc"):
        stand.deliver(0x123, data)
        assert device.recv(arg) is arg
        assert (arg[0], bytes(arg[1]), arg[2], arg[3]) == (0x123, data, 0, 0)
        assert buffer[: len(data)] == data
    assert device.recv(arg) is None
    # A new start knows the list still, whose view is short now.
    open_all(stand)
    stand.deliver(0x1, b"12345678")
    assert device.recv(arg) is arg and bytes(arg[1]) == b"12345678"


# --- the port on each of them ---


@pytest.mark.parametrize("name", LOCAL)
def test_the_port_works_on_it(name):
    stand = LOCAL[name]()
    signals, now_ms = Signals(), [0]
    port = Port(stand.can, signals, 0, lambda: now_ms[0])
    got = []

    def run(ms):
        for _ in range(0, ms, 10):
            now_ms[0] += 10
            if isinstance(stand, SlcanStand):
                stand.now_ms += 10
                stand.uart.adapter()
            port.tick(now_ms[0])
            while port.receive(now_ms[0]):
                frame = port.frame
                got.append(signals.take(port.row, frame.data, frame.length, port.at_ms))

    def status(alive):
        return 0x110, can.encode("MC_Status1", {"Speed_mmps": 7}, alive)

    run(100)
    assert not port.joined and not port.send(0x50, bytes(8))
    stand.deliver(*status(1))
    run(50)
    assert port.joined and got == [signals.slot("MC_Status1")]
    stand.deliver(0x333, bytes(8))  # filtered
    stand.deliver(*status(2))
    run(10)
    assert got == [signals.slot("MC_Status1")] * 2
    assert port.send(0x50, b"12345678") and port.send(0x518, b"87654321")
    assert sorted(stand.leave()) == [(0x50, b"12345678", 0), (0x518, b"87654321", 0)]
    stand.bus_off()
    run(50)
    assert port.is_off() and not port.send(0x50, bytes(8))
    if isinstance(stand, SlcanStand):
        stand.uart.node.error_count = 0
    run(200)
    assert not port.is_off()
    stand.deliver(*status(3))
    run(50)
    assert len(got) == 3 and port.send(0x50, b"12345678")
    assert stand.leave() == [(0x50, b"12345678", 0)]
    assert port.counters()[COUNTERS.split().index("bus_offs")] == 1


PORT_ON_BOARD = """
import time
from machine import CAN
from vcu.can.cycle import Cycle
from vcu.can.machine_can import controller
from vcu.can.port import COUNTERS, Port
from vcu.can.signals import Signals
c = controller()
signals = Signals()
port = Port(c, signals, time.ticks_ms(), time.ticks_ms)
drive = Cycle(port, "VCU_Drive", 0)
slot = signals.slot("MC_Status1")
speed = signals.handle("MC_Status1", "Speed_mmps")
def turns(ms):
    taken = 0
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        now = time.ticks_ms()
        port.tick(now)
        while port.receive(now):
            frame = port.frame
            taken += signals.take(port.row, frame.data, frame.length, port.at_ms) >= 0
        c.wait(5)
    return taken
"""


def test_the_port_works_on_the_virtual_board(tmp_path):
    stand = Virtual(tmp_path)
    try:
        files = BoardFiles(stand.repl)
        for file in collect_application(ROOT, {"bench.py": PORT_ON_BOARD}):
            if file.path.startswith(("protocol/__init__", "protocol/can", "protocol/errors",
                                     "vcu/__init__", "vcu/can/")):  # fmt: skip
                files.write(file.path, file.data)
        run = stand.can.run
        stand.repl.exec(PORT_ON_BOARD)
        assert run("print(turns(50), port.joined, drive.send())") == (0, False, False)
        stand.deliver(0x110, can.encode("MC_Status1", {"Speed_mmps": -7}, 1))
        stand.leave()
        assert run("print(turns(50), port.joined, signals.value(speed))") == (1, True, -7)
        for alive in (2, 2, 3):
            stand.deliver(0x110, can.encode("MC_Status1", {}, alive))
        stand.deliver(0x333, bytes(8))
        stand.leave()
        assert run("print(turns(50), signals.repeated, port.unknown)") == (2, 1, 0)
        assert run("print(drive.send(), port.send(0x518, b'12345678'), turns(20))") == (
            True, True, 0,
        )  # fmt: skip
        assert sorted(stand.leave()) == [
            (0x50, can.encode("VCU_Drive", {}, 0), 0),
            (0x518, b"12345678", 0),
        ]
        stand.bus_off()
        assert run("print(turns(50), port.is_off(), drive.send())") == (0, True, False)
    finally:
        stand.close()
