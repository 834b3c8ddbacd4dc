"""Inputs that the host drives, and sleep that a timer, a pin or a frame ends."""

import time
from collections.abc import Callable, Iterator

import pytest

from boards.errors import BoardError
from boards.virtual import VirtualBoard
from hw.virtual_bus import VirtualBus
from hw.virtual_bus.client import SlcanClient
from workbench.errors import DeviceError
from workbench.raw_repl import RawRepl

ARM = (
    "import machine\nfrom machine import Pin\nboth = machine.SLEEP | machine.DEEPSLEEP\n"
    "Pin('BUTTON', Pin.IN).irq(trigger=Pin.IRQ_RISING, wake=both)\n"
    "Pin('CAN1_RX', Pin.IN).irq(wake=both)\n"
)
CAUSE = "import machine; print(machine.reset_cause(), machine.wake_reason())"


@pytest.fixture
def bus() -> Iterator[VirtualBus]:
    with VirtualBus("127.0.0.1", port=0) as bus:
        yield bus


@pytest.fixture
def sleeper(make_board: Callable[..., VirtualBoard], bus: VirtualBus) -> VirtualBoard:
    return make_board(can_port=bus.port)


@pytest.fixture
def shell(sleeper: VirtualBoard) -> Iterator[RawRepl]:
    with RawRepl(sleeper.tty) as repl:
        repl.enter()
        repl.exec(ARM)
        yield repl


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "condition never came"
        time.sleep(0.005)


def fall_asleep(board: VirtualBoard, repl: RawRepl, time_ms: str = "") -> None:
    repl.send(f"machine.deepsleep({time_ms})")
    wait_for(lambda: board.asleep)


def test_inputs_read_what_the_host_drives(sleeper: VirtualBoard, shell: RawRepl) -> None:
    shell.exec(
        "from machine import ADC\na = ADC('VSENSE')\nb = Pin('BUTTON')\n"
        "u = Pin('LOCK_SENSE', Pin.IN, Pin.PULL_UP)"
    )
    read = "print(a.read_u16(), b.value(), u.value())"
    assert shell.exec(read) == b"0 0 1\n"  # nothing connected
    sleeper.set_analog("VSENSE", 65535)
    sleeper.set_pin("BUTTON", 1)
    sleeper.set_pin("LOCK_SENSE", 0)
    assert shell.exec(read) == b"65535 1 0\n"
    sleeper.set_analog("VSENSE", None)
    sleeper.set_pin("LOCK_SENSE", None)
    assert shell.exec(read) == b"0 1 1\n"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda board: board.set_pin("NOWHERE", 1),
        lambda board: board.set_pin("VSENSE", 1),
        lambda board: board.set_pin("LED", 1),
        lambda board: board.set_pin("BUTTON", 2),
        lambda board: board.set_analog("BUTTON", 1),
        lambda board: board.set_analog("VSENSE", 65536),
        lambda board: board.set_analog("VSENSE", -1),
    ],
)
def test_refuses_inputs_that_are_none(
    board: VirtualBoard, misuse: Callable[[VirtualBoard], None]
) -> None:
    with pytest.raises(BoardError):
        misuse(board)
    assert board.alive


def test_deep_sleep_ends_with_the_timer(sleeper: VirtualBoard, shell: RawRepl) -> None:
    shell.exec("kept = 1")
    boots = sleeper.boots
    fall_asleep(sleeper, shell, "300")
    wait_for(lambda: not sleeper.asleep)
    shell.enter()
    assert shell.exec(CAUSE) == b"4 1\n"
    assert shell.exec("print('kept' in globals())") == b"False\n"
    assert sleeper.boots == boots + 1


def test_deep_sleep_ends_with_the_armed_edge(sleeper: VirtualBoard, shell: RawRepl) -> None:
    sleeper.set_pin("BUTTON", 1)
    fall_asleep(sleeper, shell)
    sleeper.set_pin("LOCK_SENSE", 1)  # not armed
    sleeper.set_pin("BUTTON", 0)  # the other edge
    assert sleeper.asleep
    sleeper.set_pin("BUTTON", 1)
    assert not sleeper.asleep
    shell.enter()
    assert shell.exec(CAUSE) == b"4 2\n"


def test_deep_sleep_ends_with_a_frame(
    sleeper: VirtualBoard, shell: RawRepl, bus: VirtualBus
) -> None:
    fall_asleep(sleeper, shell)
    with SlcanClient(bus.port) as client:
        while sleeper.asleep:  # its listener may only just be there
            client.send(0x100, b"wake")
            time.sleep(0.02)
    shell.enter()
    assert shell.exec(CAUSE) == b"4 2\n"


def test_only_what_is_armed_wakes(sleeper: VirtualBoard, bus: VirtualBus) -> None:
    with RawRepl(sleeper.tty) as plain:
        plain.enter()
        plain.exec("import machine")
        fall_asleep(sleeper, plain)
        with SlcanClient(bus.port) as client:
            for _ in range(10):
                client.send(0x100, b"wake")
                time.sleep(0.01)
        sleeper.set_pin("BUTTON", 1)
        plain._serial.write(b"\r\x03\x03")
        assert sleeper.asleep
        sleeper.reset()  # the button beside the chip does
        plain.enter()
        assert plain.exec(CAUSE) == b"2 0\n"


def test_a_lost_bus_wakes_nobody_and_power_does(
    sleeper: VirtualBoard, shell: RawRepl, bus: VirtualBus
) -> None:
    fall_asleep(sleeper, shell)
    bus.stop()
    sleeper.set_pin("LOCK_SENSE", 1)  # an order, so the board's thread had its turn
    assert sleeper.asleep
    sleeper.power_cut()
    shell.enter()
    assert shell.exec(CAUSE) == b"1 0\n"


def test_the_watchdog_goes_on_in_deep_sleep(sleeper: VirtualBoard, shell: RawRepl) -> None:
    shell.exec("w = machine.WDT(timeout=400)")
    fall_asleep(sleeper, shell)
    wait_for(lambda: not sleeper.asleep)
    assert sleeper.reset_cause == 3


def test_stops_while_it_sleeps(sleeper: VirtualBoard, shell: RawRepl) -> None:
    fall_asleep(sleeper, shell)
    sleeper.stop()
    assert not sleeper.alive and not sleeper.asleep


def test_light_sleep_keeps_the_memory(sleeper: VirtualBoard, shell: RawRepl) -> None:
    shell.exec("kept = 7")
    assert shell.exec("machine.lightsleep(20); print(kept, machine.wake_reason())") == b"7 1\n"
    shell.send("machine.lightsleep(); print('woken', machine.wake_reason())")
    boots = sleeper.boots
    woken = b""
    while b"woken" not in woken:
        sleeper.set_pin("LOCK_SENSE", 1)
        sleeper.set_pin("LOCK_SENSE", 0)
        assert b"woken" not in woken
        sleeper.set_pin("BUTTON", 1)
        sleeper.set_pin("BUTTON", 0)
        time.sleep(0.01)
        woken += shell._serial.read(shell._serial.in_waiting)
    assert b"woken 2" in woken
    assert sleeper.boots == boots


def test_light_sleep_ends_with_a_frame_that_can_be_read(shell: RawRepl, bus: VirtualBus) -> None:
    shell.exec("c = machine.CAN(1, 500_000)\nc.set_filters(None)")
    with SlcanClient(bus.port) as client:
        shell.send("machine.lightsleep(); print(machine.wake_reason(), c.recv()[0])")
        time.sleep(0.05)
        client.send(0x123, b"")
        said = b""
        while b"\n" not in said:
            said += shell._serial.read(1)
    assert b"2 291" in said


@pytest.mark.parametrize("call", ["irq(print)", "irq(trigger=0)", "irq(trigger=4)", "irq(wake=1)"])
def test_refuses_interrupts_that_it_has_not(shell: RawRepl, call: str) -> None:
    with pytest.raises(DeviceError, match="irq"):
        shell.exec(f"Pin('BUTTON').{call}")
