"""machine.CAN of the virtual board, on the real virtual bus."""

from collections.abc import Callable, Iterator

import pytest

from boards.virtual import VirtualBoard
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from workbench.errors import DeviceError
from workbench.raw_repl import RawRepl

OPEN = "from machine import CAN\nc = CAN(1, 500_000)\n"
# News of the bus that are no frame end the wait as well.
TAKE = "m = None\nwhile not m or m[0] == 0x700:\n c.wait(20000)\n m = c.recv()\n"


@pytest.fixture
def bus() -> Iterator[VirtualBus]:
    with VirtualBus("127.0.0.1", port=0) as bus:
        yield bus


@pytest.fixture
def can_repl(make_board: Callable[..., VirtualBoard], bus: VirtualBus) -> Iterator[RawRepl]:
    with RawRepl(make_board(can_port=bus.port).tty) as repl:
        repl.enter()
        repl.exec(OPEN)
        yield repl


def meet(one: RawRepl, two: RawRepl) -> None:
    """The bus takes a moment to open a board's channel; what is sent before, the board misses."""
    for _ in range(50):
        one.exec("c.send(0x700, b'')")
        if two.exec("c.wait(200); print(c.recv() is not None)") == b"True\n":
            return
    raise AssertionError("the boards do not hear each other")


def test_two_boards_talk(
    make_board: Callable[..., VirtualBoard], bus: VirtualBus, can_repl: RawRepl
) -> None:
    with RawRepl(make_board("two", can_port=bus.port).tty) as other:
        other.enter()
        other.exec(OPEN + "c.set_filters(None)")
        meet(can_repl, other)
        assert can_repl.exec("print(c.send(0x123, b'abc'))") == b"0\n"
        assert other.exec(TAKE + "print(m[0], bytes(m[1]), m[2:])") == (b"291 b'abc' [0, 0]\n")
        can_repl.exec("c.set_filters(None)")
        other.exec("c.send(0x1ABCDEF, b'', CAN.FLAG_EXT_ID); c.send(0x7, bytes(3), CAN.FLAG_RTR)")
        show = TAKE + "print(m[0], bytes(m[1]), m[2])"
        # Together for the bus, or one after the other.
        assert {can_repl.exec(show), can_repl.exec(show)} == {
            b"7 b'\\x00\\x00\\x00' 1\n",
            b"28036591 b'' 2\n",
        }


def test_nothing_is_received_before_set_filters(can_repl: RawRepl, bus: VirtualBus) -> None:
    with SlcanClient(bus.port) as client:
        client.send(0x100, b"lost")
        assert can_repl.exec("c.wait(300); print(c.recv())") == b"None\n"
        can_repl.exec("c.set_filters(((0x300, 0x700, 0), (0x101, 0x7FF, 0)))")
        for identifier in (0x100, 0x3FF, 0x400, 0x101):
            client.send(identifier, b"")
        assert (
            can_repl.exec(
                "seen = []\nwhile c.wait(300):\n    seen.append(c.recv()[0])\nprint(sorted(seen))"
            )
            == b"[257, 1023]\n"
        )


def test_recv_fills_the_given_list(can_repl: RawRepl) -> None:
    assert (
        can_repl.exec(
            "c.init(500_000, mode=CAN.MODE_SILENT_LOOPBACK)\n"
            "c.set_filters(None)\nb = bytearray(8); m = [0, memoryview(b), 0, 0]\n"
            "c.send(1, b'xy'); r = c.recv(m); print(r is m, len(m[1]), bytes(b[:2]))\n"
            "c.send(2, b'12345678'); c.recv(m); print(len(m[1]), bytes(b))\n"
        )
        == b"True 2 b'xy'\n8 b'12345678'\n"
    )


def test_three_buffers_and_no_two_of_one_identifier(can_repl: RawRepl) -> None:
    # Within one call chain the bus has no time to answer, so the buffers stay taken.
    assert (
        can_repl.exec(
            "c.send(9, b''); print(c.get_timings()[0])\nimport time\n"
            "while c.get_counters()[5]: time.sleep_ms(1)\n"
            "c._wire.read = lambda: None\n"
            "print([c.send(1, b''), c.send(1, b''), c.send(1, b'', CAN.FLAG_UNORDERED),"
            " c.send(2, b''), c.send(3, b'')], c.get_counters()[5])"
        )
        == b"500000\n[0, None, 1, 2, None] 3\n"
    )


def test_the_ring_is_bounded_and_tells_of_losses(can_repl: RawRepl) -> None:
    assert (
        can_repl.exec(
            "c.init(500_000, mode=CAN.MODE_SILENT_LOOPBACK)\nc.set_filters(None)\n"
            "for i in range(130): c.send(i, b'')\n"
            "print(c.get_counters()[6:], c.recv()[3], c.recv()[3])"
        )
        == b"[128, 2] 3 0\n"
    )


def test_interrupts_come_while_it_idles(can_repl: RawRepl, bus: VirtualBus) -> None:
    can_repl.exec(
        "import machine\nc.set_filters(None)\nseen = []\n"
        "def handler(can):\n    while flags := can.irq().flags():\n        seen.append(flags)\n"
        "    while message := can.recv():\n        seen.append(message[0])\n"
        "c.irq(handler, CAN.IRQ_RX | CAN.IRQ_TX)"
    )
    with SlcanClient(bus.port) as client:
        client.send(0x55, b"")
        assert can_repl.exec("while not seen: machine.idle()\nprint(seen)") == b"[2, 85]\n"
    assert (
        can_repl.exec("seen.clear(); c.send(1, b'')\nwhile not seen: machine.idle()\nprint(seen)")
        == b"[1]\n"
    )


def test_a_lost_bus_is_a_bus_off_until_restart(
    make_board: Callable[..., VirtualBoard],
) -> None:
    bus = VirtualBus("127.0.0.1", port=0)
    bus.start()
    port = bus.port
    with RawRepl(make_board(can_port=port).tty) as repl:
        repl.enter()
        repl.exec(OPEN)
        assert repl.exec("print(c.state() == CAN.STATE_ACTIVE)") == b"True\n"
        bus.stop()
        assert (
            repl.exec("while c.state() != CAN.STATE_BUS_OFF: pass\nprint(c.get_counters()[4])")
            == b"1\n"
        )
        with pytest.raises(DeviceError, match="EIO"):
            repl.exec("c.send(1, b'')")
        repl.exec("c.restart()")
        assert repl.exec("print(c.state() == CAN.STATE_BUS_OFF)") == b"True\n"
        with VirtualBus("127.0.0.1", port=port):
            assert repl.exec("c.restart(); print(c.state(), c.send(1, b''))") == b"1 0\n"


def test_errors_on_the_wire_end_in_bus_off(can_repl: RawRepl, bus: VirtualBus) -> None:
    bus.faults.add("corrupt", lambda frame: frame.identifier == 0x123, probability=1.0, seed=1)
    assert (
        can_repl.exec(
            "import time\nfor i in range(200):\n    try:\n        c.send(0x123, b'')\n"
            "    except OSError as error:\n        print(error.errno); break\n"
            "    time.sleep_ms(2)\n"
            "print(c.state() == CAN.STATE_BUS_OFF)",
            timeout_s=20,
        )
        == b"5\nTrue\n"
    )


def test_refuses_what_the_controller_refuses(can_repl: RawRepl) -> None:
    for code, error in [
        ("CAN(2, 500_000)", "doesn't exist"),
        ("CAN(1, 123)", "unable to calculate"),
        ("c.send(0x800, b'')", "invalid id"),
        ("c.send(1, bytes(9))", "data too long"),
        ("c.set_filters([(0x800, 0, 0)])", "invalid id"),
        ("c.set_filters([(0, 0, 0)] * 29)", "too many filters"),
        ("c.irq(print, 64)", "unsupported"),
    ]:
        with pytest.raises(DeviceError, match=error):
            can_repl.exec(code)
    can_repl.exec("c.deinit()")
    with pytest.raises(DeviceError, match="EINVAL"):
        can_repl.exec("c.recv()")


def test_no_bus_connected_is_a_bus_off(repl: RawRepl) -> None:
    assert repl.exec(OPEN + "print(c.state() == CAN.STATE_BUS_OFF)") == b"True\n"


def test_a_wait_ends_when_the_handler_took_what_came(can_repl: RawRepl, bus: VirtualBus) -> None:
    can_repl.exec(
        "import time\nc.set_filters(None)\nseen = []\n"
        "def handler(can):\n    while message := can.recv():\n        seen.append(message[0])\n"
        "c.irq(handler, CAN.IRQ_RX, True)\n"
    )
    with SlcanClient(bus.port) as client:
        client.send(0x55, b"")
        # An hour is longer than the test waits for an answer.
        assert can_repl.exec("print(c.wait(3_600_000), seen)") == b"0 [85]\n"
