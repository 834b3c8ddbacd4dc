"""Wires and resistors inside of the VCU's box, and on which sheet they are drawn."""

from boards.pins import BoardPin
from hw.electrical import SUPPLY_V, gauge_for
from hw.harness.model import Harness, Net, Part

PULL = "Resistor 10 kΩ, 1 %, 0.25 W"
# Of inputs: strong enough for an RP2350, whose pins leak (erratum E9).
INPUT_PULL = "Resistor 4.7 kΩ, 1 %, 0.25 W"
THIN_MM2, WIRE_M = 0.25, 0.1
LOGIC_A = 0.1
# Whatever touches these is on the sheet of the supply.
SUPPLY = {"R12V", "R5V", "R3V3", "RGND", "PSU"}


class BoxWiring:
    """The harness of a box as it grows; `pins` are those of its board by their signals."""

    def __init__(self, harness: Harness, pins: tuple[BoardPin, ...]) -> None:
        self.harness = harness
        self.pins = {pin.signal: pin for pin in pins}
        self._resistors = 0

    def label(self, signal: str) -> str:
        """How the pin of a signal is called on the board."""
        pin = self.pins[signal]
        return signal if pin.name == pin.pin else f"{signal} {pin.name} {pin.pin}"

    def pull(self, signal: str, part: str, pin: str, kind: str = PULL) -> None:
        """The resistor that `pins.csv` asks for; where it asks for none, one to ground: off, or not
        pressed.
        """
        self._resistors += 1
        rail = "R3V3" if self.pins[signal].pull == "up" else "RGND"
        self.resistor(f"R{self._resistors}", kind, part, pin, rail)

    def resistor(self, name: str, kind: str, part: str, pin: str, rail: str) -> None:
        up = rail == "R3V3"
        self.harness.add(Part(name, kind, f"pulls {'up' if up else 'down'}", ("1", "2")))
        if up:  # drawn from the left
            self.wire(rail, name, ("GY", "*", "2"))
            self.wire(name, part, ("GY", "1", pin))
        else:
            self.wire(part, name, ("GY", pin, "1"))
            self.wire(name, rail, ("GY", "2", "*"))

    def signal(self, signal: str, part: str, pin: str, colour: str) -> None:
        self.wire("BOARD", part, (colour, self.label(signal), pin))

    def ground(self, part: str, pin: str) -> None:
        self.wire(part, "RGND", ("BK", pin, "*"))

    def wire(self, start: str, end: str, *wires: tuple[str, str, str]) -> None:
        """Wires of logic, which take next to nothing."""
        net = Net(start, end, wires)
        self.harness.sheet = self._sheet(start, end)
        self.harness.join(
            net, gauge_mm2=THIN_MM2, length_m=WIRE_M, current_a=LOGIC_A, protected_a=LOGIC_A
        )

    def thick(
        self, start: str, end: str, wire: tuple[str, str, str], current_a: float, limit_a: float
    ) -> None:
        """A wire behind a fuse or a switch that ends its own current. Raises ConfigError."""
        self.harness.sheet = self._sheet(start, end)
        self.harness.join(
            Net(start, end, (wire,)),
            gauge_mm2=gauge_for(current_a, limit_a, WIRE_M, SUPPLY_V),
            length_m=WIRE_M,
            current_a=current_a,
            protected_a=limit_a,
        )

    def _sheet(self, start: str, end: str) -> str:
        """Rails and grounds are on that of the supply, unless a resistor leads to them."""
        types = {self.harness.parts[name].type.split()[0] for name in (start, end)}
        return "supply" if {start, end} & SUPPLY and "Resistor" not in types else "signals"
