"""The firmware takes the CAN controller that `trifleet_board` names, on the pins of pins.csv."""

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import can_backends
import pytest
from can_backends import FakeCan, Mcp, SlcanStand

from boards.description import BoardDescription
from boards.frozen import BOARDS, frozen_module
from boards.pins import read_pins
from boards.tables import read_boards

CONTROLLERS = {"machine.CAN": FakeCan, "mcp2518fd": Mcp, "slcan": SlcanStand}
REAL = {board.name: board for board, _ in read_boards() if board.status != "virtual"}


class Wires:
    """The chip's side of `machine`: only the names of a board's pins.csv exist, and SPI and UART
    lead to the model of the MCP2518FD and to the adapter."""

    IN, OUT = 0, 1

    def __init__(self, names: set[str], stand: Any) -> None:
        self._names = names
        self._stand = stand
        self.levels: dict[str, int] = {}
        self.asked: list[tuple[object, ...]] = []
        self.machine: Any = types.ModuleType("machine")
        self.machine.CAN = type("CAN", (), {"MODE_SILENT": 3, "__new__": self._can})
        self.machine.Pin = type("Pin", (), {"IN": 0, "OUT": 1, "__new__": self._pin})
        self.machine.SPI, self.machine.UART = self._spi, self._uart

    def _pin(self, _kind: object, name: str, mode: int = 0, value: int | None = None) -> object:
        if name not in self._names:
            raise ValueError(name)
        if value is not None:
            assert mode == self.OUT
            self.levels[name] = value
        if name == "CAN_CS":
            return self._stand.spi.cs
        return self._stand.chip.interrupt if name == "CAN_INT" else name

    def _can(self, _kind: object, number: int, bitrate: int, mode: int) -> object:
        self.asked.append((number, bitrate))
        can = self._stand.can
        can.init(bitrate, mode=mode)
        return can

    def _spi(self, number: int, *, baudrate: int, sck: str, mosi: str, miso: str) -> object:
        self.asked.append((number, baudrate, sck, mosi, miso))
        return self._stand.spi

    def _uart(
        self, number: int, rate: int, *, tx: str, rx: str, timeout: int, rxbuf: int
    ) -> object:
        assert timeout == 0 and rxbuf >= 256
        self.asked.append((number, rate, tx, rx))
        return self._stand.uart


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Wires, Any]]]:
    """Runs vcu.can.choice as on a board with these pins and this text of trifleet_board.py."""

    def run(names: set[str], text: str | None, stand: Any) -> tuple[Wires, Any]:
        wires = Wires(names, stand)
        forget()
        monkeypatch.setitem(sys.modules, "machine", wires.machine)
        ticks_ms = lambda: getattr(stand, "now_ms", 0)  # noqa: E731
        monkeypatch.setattr("time.ticks_ms", ticks_ms, raising=False)
        monkeypatch.delitem(sys.modules, "trifleet_board", raising=False)
        if text is not None:
            module = types.ModuleType("trifleet_board")
            exec(text, module.__dict__)
            monkeypatch.setitem(sys.modules, "trifleet_board", module)
        return wires, importlib.import_module("vcu.can.choice").controller()

    yield run
    forget()


def forget() -> None:
    """These two hold the `machine` of the test that imported them."""
    package = importlib.import_module("vcu.can")
    for name in ("choice", "machine_can"):
        sys.modules.pop(f"vcu.can.{name}", None)
        vars(package).pop(name, None)


def speaks(stand: Any, can: Any) -> None:
    """A frame each way by the controller that was chosen."""
    stand.can = can
    can.init(500_000)
    can.set_filters(None)
    can.state()
    assert stand.bitrate() == 500_000
    stand.deliver(0x123, b"in")
    assert stand.receive() == [(0x123, b"in", 0)]
    assert can.send(0x321, b"out") is not None
    assert stand.leave() == [(0x321, b"out", 0)]


def stand_for(board: BoardDescription) -> Any:
    kind = CONTROLLERS[board.can.controller]
    return Mcp(board.can.crystal_hz) if kind is Mcp else can_backends.Fake()


@pytest.mark.parametrize("name", REAL)
def test_each_board_gets_its_controller_on_its_pins(
    name: str, choose: Callable[..., tuple[Wires, Any]]
) -> None:
    board = REAL[name]
    names = {pin.name for pin in read_pins(BOARDS / name)}
    stand = stand_for(board)
    wires, can = choose(names, frozen_module(board), stand)
    awake = 0 if board.can.standby_level == "high" else 1
    assert wires.levels["CAN1_STB"] == awake
    wanted = {
        "machine.CAN": (board.can.number, 500_000),
        "mcp2518fd": (board.can.number, board.can.rate_hz, "CAN_SCK", "CAN_MOSI", "CAN_MISO"),
    }
    assert wires.asked == [wanted[board.can.controller]]
    speaks(stand, can)


def test_slcan_on_a_uart(choose: Callable[..., tuple[Wires, Any]]) -> None:
    stand = SlcanStand()
    text = 'CAN = "slcan"\nNUMBER = 2\nRATE_HZ = 2000000\nSTANDBY = 0\n'
    wires, can = choose({"CAN1_STB", "CAN_UART_TX", "CAN_UART_RX"}, text, stand)
    assert wires.asked == [(2, 2_000_000, "CAN_UART_TX", "CAN_UART_RX")]
    assert wires.levels == {"CAN1_STB": 1}
    speaks(stand, can)


def test_an_interpreter_without_the_module_has_machine_can(
    choose: Callable[..., tuple[Wires, Any]],
) -> None:
    stand = can_backends.Fake()
    wires, can = choose({"CAN1_STB"}, None, stand)
    assert wires.asked == [(1, 500_000)] and wires.levels == {"CAN1_STB": 0}
    speaks(stand, can)


def test_an_unknown_controller_and_a_missing_pin_are_refused(
    choose: Callable[..., tuple[Wires, Any]],
) -> None:
    with pytest.raises(ValueError, match="no CAN controller mcp2515"):
        choose({"CAN1_STB"}, 'CAN = "mcp2515"\n', can_backends.Fake())
    with pytest.raises(ValueError, match="CAN1_STB"):
        choose(set(), None, can_backends.Fake())
    with pytest.raises(ValueError, match="CAN_SCK"):
        choose({"CAN1_STB"}, frozen_module(REAL["raspberry-pi-pico-2-w"]), Mcp())
