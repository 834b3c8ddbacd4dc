"""The VCU's box: a board, the transceiver, switches for what takes current, and plug X1.

One drawing a board. What a board does not decide by itself, a resistor does: each line that
`pins.csv` gives a pull has it, and the transceiver's standby pin is pulled to standby, so that a
board without a program is silent: traffic on the bus can hold a bootloader up.
"""

from dataclasses import replace

from boards.description import BoardDescription
from boards.pins import BoardPin
from hw.errors import ConfigError
from hw.harness.model import Component, Harness, Net, Part
from hw.harness.supply import OUTPUTS_A, VCU_PINS
from hw.harness.wiring import SWITCH_LIMIT_A

PULL = "Resistor 10 kΩ, 1 %, 0.25 W"
# Inputs: strong enough for an RP2350, whose pins leak (erratum E9).
INPUT_PULL = "Resistor 4.7 kΩ, 1 %, 0.25 W"
STANDBY_PULL = "RSTB"
THIN_MM2, WIRE_M = 0.25, 0.1
OUT_MM2 = 0.75
FEED_MM2, FEED_A, FEED_LIMIT_A = 2.5, sum(OUTPUTS_A.values()), 20.0
LOGIC_A = 0.1

# What a signal of pins.csv leads to in the box.
SWITCHED = {
    "drive_enable": ("EN",),
    "lock_actuator": ("LOCK+",),
    "door_release": ("DOOR+",),
    "lights": ("LAMPF", "LAMPR"),
    "horn": ("HORN",),
}
PLUG = {"lock_sense": "SENSE", "wake_button": "WAKE"}
# An MCP2518FD between board and transceiver, and what it needs of the board.
CONTROLLER = {
    "can_clock": "SCK",
    "can_mosi": "SDI",
    "can_miso": "SDO",
    "can_select": "nCS",
    "can_interrupt": "nINT",
}
WAKE = "can_wake"  # a second pin on the receive line, which ends deep sleep
# Whatever touches these is on the sheet of the supply.
SUPPLY = {"R12V", "R5V", "R3V3", "RGND", "PSU"}


def box(board: BoardDescription, pins: tuple[BoardPin, ...]) -> Harness:
    """Raises ConfigError for a signal that leads nowhere, or one that is missing."""
    wired = Box(board, pins)
    wired.supply()
    wired.bus()
    wired.outputs()
    wired.inputs()
    return wired.harness


def board_transceiver(board: BoardDescription) -> str:
    """The virtual board has none: any transceiver for 5 V then."""
    named = board.can.transceiver
    return "CAN, 5 V" if named.startswith("none") else named


class Box:
    """Puts the harness together; each method wires one group of signals.

    A line that `pins.csv` gives no pull is pulled down: off, or not pressed.
    """

    def __init__(self, board: BoardDescription, pins: tuple[BoardPin, ...]) -> None:
        self.harness = Harness(f"VCU box with {board.title}", "supply", "BW")
        self._board = board
        self._pins = {pin.signal: pin for pin in pins}
        self._resistors = 0
        self._external = any(signal in CONTROLLER for signal in self._pins)
        self._check()
        labels = [self.label(signal) for signal in self._pins]
        ports = ("5V", "3V3", "GND")
        self.harness.add(Part("BOARD", "Board", board.title, (*labels, *ports)))
        self.harness.add(Part("X1", "Plug of the box", f"{len(VCU_PINS)} contacts", VCU_PINS))
        for name, what in (("R5V", "5 V"), ("R3V3", "3.3 V"), ("RGND", "ground")):
            self.harness.bar(name, "Rail", what)

    def label(self, signal: str) -> str:
        """How the pin of a signal is called on the board."""
        pin = self._pins[signal]
        return signal if pin.name == pin.pin else f"{signal} {pin.name} {pin.pin}"

    def supply(self) -> None:
        """12 V to 5 V; the board makes its own 3.3 V."""
        self.harness.add(Part("PSU", "Converter", "12 V to 5 V, 1 A", ("IN", "OUT", "GND")))
        divider = (
            Component("Resistor 100 kΩ, 1 %, 0.25 W", 1, "IN to OUT"),
            Component("Resistor 20 kΩ, 1 %, 0.25 W", 1, "OUT to GND: 19.8 V is full scale"),
        )
        # Behind the converter's own input: one wire to the plug.
        self.harness.bar("R12V", "Rail", "12 V")
        pins = ("IN", "OUT", "GND")
        self.harness.add(Part("DIV", "Divider", "6 to 1", pins, components=divider))
        self._wire("X1", "R12V", ("RD", "12V", "*"))
        self._wire("R12V", "PSU", ("RD", "*", "IN"))
        self._wire("R12V", "DIV", ("RD", "*", "IN"))
        self._wire("PSU", "R5V", ("OG", "OUT", "*"))
        self._wire("R5V", "BOARD", ("OG", "*", "5V"))
        self._wire("BOARD", "R3V3", ("PK", "3V3", "*"))
        self._thick("X1", "RGND", ("BK", "GND", "*"), FEED_MM2, FEED_A, FEED_LIMIT_A)
        for part in ("PSU", "DIV", "BOARD"):
            self._ground(part, "GND")
        self._signal("supply_sense", "DIV", "OUT", "WH")

    def bus(self) -> None:
        """The transceiver is the only way to the bus."""
        pins = ("TXD", "RXD", "STB", "VCC", "VIO", "GND", "CANH", "CANL")
        level = self._board.can.standby_level
        kind = f"{board_transceiver(self._board)}, standby at {level} level"
        self.harness.add(Part("U1", "Transceiver", kind, pins, shared=("STB", "RXD")))
        self._wire("R5V", "U1", ("OG", "*", "VCC"))
        self._wire("R3V3", "U1", ("PK", "*", "VIO"))
        self._ground("U1", "GND")
        self._wire("U1", "X1", ("YE", "CANH", "CANH"), ("GN", "CANL", "CANL"))
        rail = "R3V3" if level == "high" else "RGND"
        self._resistor(STANDBY_PULL, PULL, "U1", "STB", rail)
        self._signal("can_standby", "U1", "STB", "VT")
        self._signal("can_rx", "U1", "RXD", "BU")
        if WAKE in self._pins:
            self._signal(WAKE, "U1", "RXD", "BU")
        if self._external:
            self._controller()
        else:
            self._signal("can_tx", "U1", "TXD", "OG")

    def _controller(self) -> None:
        """Of a board without CAN; the receive line also leads to the board, to wake it."""
        pins = (*CONTROLLER.values(), "TXCAN", "RXCAN", "VDD", "GND")
        crystal = Component(f"Crystal {self._board.can.crystal_hz / 1e6:g} MHz")
        part = Part("U2", "CAN controller", "MCP2518FD", pins, components=(crystal,))
        self.harness.add(replace(part, shared=("nCS", "nINT")))
        for signal, pin in CONTROLLER.items():
            self._signal(signal, "U2", pin, "WH")
            if self._pins[signal].pull:
                self._pull(signal, "U2", pin)
        self._wire("U2", "U1", ("OG", "TXCAN", "TXD"), ("BU", "RXCAN", "RXD"))
        self._wire("R3V3", "U2", ("PK", "*", "VDD"))
        self._ground("U2", "GND")

    def outputs(self) -> None:
        """High-side switches that end their own current; off where nobody drives them."""
        outs = [pin for plugs in SWITCHED.values() for pin in plugs]
        pins = ("12V", "GND", *SWITCHED, *(f"OUT_{pin}" for pin in outs))
        subtype = f"{len(SWITCHED)} inputs, {len(outs)} outputs, high side, {SWITCH_LIMIT_A:g} A"
        self.harness.add(Part("Q", "Switches", subtype, pins, shared=tuple(SWITCHED)))
        self._thick("Q", "X1", ("RD", "12V", "12V_OUT"), FEED_MM2, FEED_A, FEED_LIMIT_A)
        self._ground("Q", "GND")
        for signal, plugs in SWITCHED.items():
            self._signal(signal, "Q", signal, "VT")
            self._pull(signal, "Q", signal)
            for pin in plugs:
                wire = ("RD", f"OUT_{pin}", pin)
                current = max(OUTPUTS_A.values())
                self._thick("Q", "X1", wire, OUT_MM2, current, SWITCH_LIMIT_A)
        for pin in ("LOCK-", "DOOR-"):
            wire = ("BK", pin, "*")
            self._thick("X1", "RGND", wire, OUT_MM2, max(OUTPUTS_A.values()), SWITCH_LIMIT_A)
        for pin in ("EN_GND", "LED-"):
            self._wire("X1", "RGND", ("BK", pin, "*"))

    def inputs(self) -> None:
        """Lines from outside meet a resistor before the board."""
        for number, (signal, pin) in enumerate(PLUG.items(), 1):
            self.harness.bar(f"N{number}", "Rail", signal)
            self._wire(f"N{number}", "X1", ("YE", "*", pin))
            self._signal(signal, f"N{number}", "*", "YE")
            self._pull(signal, f"N{number}", "*")
        for name, pin in (("RWAKE", "WAKE_V"), ("RSENSE", "SENSE_V")):
            self.harness.add(Part(name, "Resistor 1 kΩ, 1 %, 0.25 W", "in series", ("1", "2")))
            self._wire("R3V3", name, ("PK", "*", "1"))
            self._wire(name, "X1", ("PK", "2", pin))
        self.harness.add(Part("RLED", "Resistor 330 Ω, 1 %, 0.25 W", "in series", ("1", "2")))
        self._signal("led", "RLED", "1", "VT")
        self._wire("RLED", "X1", ("VT", "2", "LED+"))

    def _pull(self, signal: str, part: str, pin: str) -> None:
        self._resistors += 1
        rail = "R3V3" if self._pins[signal].pull == "up" else "RGND"
        kind = INPUT_PULL if signal in PLUG else PULL
        self._resistor(f"R{self._resistors}", kind, part, pin, rail)

    def _resistor(self, name: str, kind: str, part: str, pin: str, rail: str) -> None:
        up = rail == "R3V3"
        self.harness.add(Part(name, kind, f"pulls {'up' if up else 'down'}", ("1", "2")))
        if up:  # drawn from the left
            self._wire(rail, name, ("GY", "*", "2"))
            self._wire(name, part, ("GY", "1", pin))
        else:
            self._wire(part, name, ("GY", pin, "1"))
            self._wire(name, rail, ("GY", "2", "*"))

    def _signal(self, signal: str, part: str, pin: str, colour: str) -> None:
        self._wire("BOARD", part, (colour, self.label(signal), pin))

    def _ground(self, part: str, pin: str) -> None:
        self._wire(part, "RGND", ("BK", pin, "*"))

    def _wire(self, start: str, end: str, *wires: tuple[str, str, str]) -> None:
        net = Net(start, end, wires)
        self.harness.sheet = self._sheet(start, end)
        self.harness.join(
            net, gauge_mm2=THIN_MM2, length_m=WIRE_M, current_a=LOGIC_A, protected_a=LOGIC_A
        )

    def _thick(
        self,
        start: str,
        end: str,
        wire: tuple[str, str, str],
        gauge_mm2: float,
        current_a: float,
        protected_a: float,
    ) -> None:
        self.harness.sheet = self._sheet(start, end)
        self.harness.join(
            Net(start, end, (wire,)),
            gauge_mm2=gauge_mm2,
            length_m=WIRE_M,
            current_a=current_a,
            protected_a=protected_a,
        )

    def _sheet(self, start: str, end: str) -> str:
        """Rails and grounds are on that of the supply, unless a resistor leads to them."""
        types = {self.harness.parts[name].type.split()[0] for name in (start, end)}
        return "supply" if {start, end} & SUPPLY and "Resistor" not in types else "signals"

    def _check(self) -> None:
        """Every signal leads somewhere, and every part gets its own."""
        bus = {"can_standby", "can_rx", *(CONTROLLER if self._external else {"can_tx"})}
        needed = {*bus, *SWITCHED, *PLUG, "supply_sense", "led"}
        for signal in sorted(needed - set(self._pins)):
            raise ConfigError(f"board {self._board.name}: pins.csv: signal {signal} is missing")
        for signal in sorted(set(self._pins) - needed - {WAKE}):
            words = "leads nowhere; give it a way in hw/harness/box.py"
            raise ConfigError(f"board {self._board.name}: pins.csv: signal {signal} {words}")
