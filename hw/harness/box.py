"""The VCU's box: a board, the transceiver, switches for what takes current, and plug X1.

One drawing a board. What a board does not decide by itself, a resistor does: each line that
`pins.csv` gives a pull has it, and the transceiver's standby pin is pulled to standby, so that a
board without a program is silent: traffic on the bus can hold a bootloader up.
"""

from dataclasses import replace

from boards.description import BoardDescription
from boards.pins import BoardPin
from hw.errors import ConfigError
from hw.harness.box_wiring import INPUT_PULL, PULL, BoxWiring
from hw.harness.model import Component, Harness, Part
from hw.harness.supply import LIGHT_PINS, OUTPUTS_A, vcu_pins
from hw.harness.wiring import SWITCH_LIMIT_A

STANDBY_PULL = "RSTB"
FEED_A, FEED_LIMIT_A = sum(OUTPUTS_A.values()), 20.0
OUT_A = max(OUTPUTS_A.values())
# From the fuse of the VCU, and behind its converter.
OWN_A, OWN_LIMIT_A = 1.0, 2.0

# What a signal of pins.csv leads to in the box.
SWITCHED = {
    "drive_enable": ("EN",),
    "lock_actuator": ("LOCK+",),
    "door_release": ("DOOR+",),
    "lights": ("LAMPF", "LAMPR"),
    "horn": ("HORN",),
}
LED, ON_BOARD = "led", "on the board"
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


def box(board: BoardDescription, pins: tuple[BoardPin, ...]) -> Harness:
    """Raises ConfigError for a signal that leads nowhere, or one that is missing."""
    wired = Box(board, pins)
    wired.supply()
    wired.bus()
    wired.outputs()
    wired.inputs()
    return wired.harness


def has_light_outside(pins: tuple[BoardPin, ...]) -> bool:
    """Not where the board's light is soldered to it."""
    return all(pin.header != ON_BOARD for pin in pins if pin.signal == LED)


def board_transceiver(board: BoardDescription) -> str:
    """The virtual board has none: any transceiver for 5 V then."""
    named = board.can.transceiver
    return "CAN, 5 V" if named.startswith("none") else named


class Box(BoxWiring):
    """Puts the harness together; each method wires one group of signals.

    A line that `pins.csv` gives no pull is pulled down: off, or not pressed.
    """

    def __init__(self, board: BoardDescription, pins: tuple[BoardPin, ...]) -> None:
        super().__init__(Harness(f"VCU box with {board.title}", "supply", "BW"), pins)
        self._board = board
        self._external = any(signal in CONTROLLER for signal in self.pins)
        self._check()
        self._light = has_light_outside(pins)
        labels = [self.label(one) for one in self.pins if one != LED or self._light]
        ports = ("5V", "3V3", "GND")
        note = "" if self._light else "Its own light is the status light: the box has a window."
        self.harness.add(Part("BOARD", "Board", board.title, (*labels, *ports), note=note))
        plug = vcu_pins(self._light)
        self.harness.add(Part("X1", "Plug of the box", f"{len(plug)} contacts", plug))
        for name, what in (("R5V", "5 V"), ("R3V3", "3.3 V"), ("RGND", "ground")):
            self.harness.bar(name, "Rail", what)

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
        for start, end, wire in (
            ("X1", "R12V", ("RD", "12V", "*")),
            ("R12V", "PSU", ("RD", "*", "IN")),
            ("R12V", "DIV", ("RD", "*", "IN")),
            ("PSU", "R5V", ("OG", "OUT", "*")),
            ("R5V", "BOARD", ("OG", "*", "5V")),
            ("PSU", "RGND", ("BK", "GND", "*")),
            ("BOARD", "RGND", ("BK", "GND", "*")),
        ):
            self.thick(start, end, wire, OWN_A, OWN_LIMIT_A)
        self.wire("BOARD", "R3V3", ("PK", "3V3", "*"))
        self.thick("X1", "RGND", ("BK", "GND", "*"), FEED_A, FEED_LIMIT_A)
        self.ground("DIV", "GND")
        self.signal("supply_sense", "DIV", "OUT", "WH")

    def bus(self) -> None:
        """The transceiver is the only way to the bus."""
        pins = ("TXD", "RXD", "STB", "VCC", "VIO", "GND", "CANH", "CANL")
        level = self._board.can.standby_level
        kind = f"{board_transceiver(self._board)}, standby at {level} level"
        self.harness.add(Part("U1", "Transceiver", kind, pins, shared=("STB", "RXD")))
        self.wire("R5V", "U1", ("OG", "*", "VCC"))
        self.wire("R3V3", "U1", ("PK", "*", "VIO"))
        self.ground("U1", "GND")
        self.wire("U1", "X1", ("YE", "CANH", "CANH"), ("GN", "CANL", "CANL"))
        rail = "R3V3" if level == "high" else "RGND"
        self.resistor(STANDBY_PULL, PULL, "U1", "STB", rail)
        self.signal("can_standby", "U1", "STB", "VT")
        self.signal("can_rx", "U1", "RXD", "BU")
        if WAKE in self.pins:
            self.signal(WAKE, "U1", "RXD", "BU")
        if self._external:
            self._controller()
        else:
            self.signal("can_tx", "U1", "TXD", "OG")

    def _controller(self) -> None:
        """Of a board without CAN; the receive line also leads to the board, to wake it."""
        pins = (*CONTROLLER.values(), "TXCAN", "RXCAN", "VDD", "GND")
        crystal = Component(f"Crystal {self._board.can.crystal_hz / 1e6:g} MHz")
        part = Part("U2", "CAN controller", "MCP2518FD", pins, components=(crystal,))
        self.harness.add(replace(part, shared=("nCS", "nINT")))
        for signal, pin in CONTROLLER.items():
            self.signal(signal, "U2", pin, "WH")
            if self.pins[signal].pull:
                self.pull(signal, "U2", pin)
        self.wire("U2", "U1", ("OG", "TXCAN", "TXD"), ("BU", "RXCAN", "RXD"))
        self.wire("R3V3", "U2", ("PK", "*", "VDD"))
        self.ground("U2", "GND")

    def outputs(self) -> None:
        """High-side switches that end their own current; off where nobody drives them."""
        outs = [pin for plugs in SWITCHED.values() for pin in plugs]
        pins = ("12V", "GND", *SWITCHED, *(f"OUT_{pin}" for pin in outs))
        subtype = f"{len(SWITCHED)} inputs, {len(outs)} outputs, high side, {SWITCH_LIMIT_A:g} A"
        self.harness.add(Part("Q", "Switches", subtype, pins, shared=tuple(SWITCHED)))
        self.thick("Q", "X1", ("RD", "12V", "12V_OUT"), FEED_A, FEED_LIMIT_A)
        self.ground("Q", "GND")
        for signal, plugs in SWITCHED.items():
            self.signal(signal, "Q", signal, "VT")
            self.pull(signal, "Q", signal)
            for pin in plugs:
                self.thick("Q", "X1", ("RD", f"OUT_{pin}", pin), OUT_A, SWITCH_LIMIT_A)
        for pin in ("LOCK-", "DOOR-"):
            self.thick("X1", "RGND", ("BK", pin, "*"), OUT_A, SWITCH_LIMIT_A)
        for pin in ("EN_GND", LIGHT_PINS[1]) if self._light else ("EN_GND",):
            self.wire("X1", "RGND", ("BK", pin, "*"))

    def inputs(self) -> None:
        """Lines from outside meet a resistor before the board."""
        for number, (signal, pin) in enumerate(PLUG.items(), 1):
            self.harness.bar(f"N{number}", "Rail", signal)
            self.wire(f"N{number}", "X1", ("YE", "*", pin))
            self.signal(signal, f"N{number}", "*", "YE")
            self.pull(signal, f"N{number}", "*", INPUT_PULL)
        for name, pin in (("RWAKE", "WAKE_V"), ("RSENSE", "SENSE_V")):
            self.harness.add(Part(name, "Resistor 1 kΩ, 1 %, 0.25 W", "in series", ("1", "2")))
            self.wire("R3V3", name, ("PK", "*", "1"))
            self.wire(name, "X1", ("PK", "2", pin))
        if self._light:
            self._add_light()

    def _add_light(self) -> None:
        self.harness.add(Part("RLED", "Resistor 330 Ω, 1 %, 0.25 W", "in series", ("1", "2")))
        self.signal(LED, "RLED", "1", "VT")
        self.wire("RLED", "X1", ("VT", "2", LIGHT_PINS[0]))

    def _check(self) -> None:
        """Every signal leads somewhere, and every part gets its own."""
        bus = {"can_standby", "can_rx", *(CONTROLLER if self._external else {"can_tx"})}
        needed = {*bus, *SWITCHED, *PLUG, "supply_sense", LED}
        for signal in sorted(needed - set(self.pins)):
            raise ConfigError(f"board {self._board.name}: pins.csv: signal {signal} is missing")
        for signal in sorted(set(self.pins) - needed - {WAKE}):
            words = "leads nowhere; give it a way in hw/harness/box.py"
            raise ConfigError(f"board {self._board.name}: pins.csv: signal {signal} {words}")
