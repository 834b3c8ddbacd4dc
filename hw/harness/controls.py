"""What the rider moves, what the VCU switches and reads."""

from hw.harness.model import Net, Part
from hw.harness.supply import OUTPUTS_A
from hw.harness.wiring import Wiring
from hw.vehicle_schema import VehicleConfig

RED, BLACK = "RD", "BK"
COLOURS = (RED, BLACK, "GN")
Control = tuple[str, str, str, tuple[str, ...], tuple[str, ...]]
# Part, type, subtype, its own pins, and those of the dash.
CONTROLS: tuple[Control, ...] = (
    ("KEY", "Key switch", "1 contact, IP65", ("1", "2"), ("KEY", "KEY_GND")),
    ("BRAKE", "Brake switch", "closes when braking, both levers", ("1", "2"), ("BRK", "BRK_GND")),
    ("THROTTLE", "Throttle", "Hall sensor, 5 V", ("5V", "GND", "OUT"), ("5V_T", "GND_T", "THR")),
    ("GEAR", "Gear selector", "off, forward, reverse", ("F", "C", "R"), ("FWD", "GND_G", "REV")),
    ("SWITCHES", "Switches", "lights, horn", ("L", "C", "H"), ("LGT", "GND_S", "HRN")),
)
STEERING: Control = (
    "STEER", "Steering angle sensor", "Hall, ±90°, 5 V", ("5V", "GND", "OUT"),
    ("5V_A", "GND_A", "ANG"),
)  # fmt: skip
SWITCHED = (
    ("LAMPF", "Headlamp", "LED, 12 V"),
    ("LAMPR", "Rear lamp", "LED, 12 V"),
    ("HORN", "Horn", "12 V, 105 dB"),
)


def controls_of(config: VehicleConfig) -> tuple[Control, ...]:
    return (*CONTROLS, STEERING) if config.sensors.steering else CONTROLS


def dash_pins(config: VehicleConfig) -> tuple[str, ...]:
    """The pins of the dash to the controls."""
    return tuple(pin for control in controls_of(config) for pin in control[4])


def add_controls(wiring: Wiring) -> None:
    wiring.harness.sheet = "controls"
    for name, type_, words, own, at_dash in controls_of(wiring.config):
        wiring.harness.add(Part(name, type_, words, own, group="controls"))
        wiring.signal(Net("HMI", name, tuple(zip(COLOURS, at_dash, own, strict=False))))


def add_outputs(wiring: Wiring) -> None:
    """Raises ConfigError."""
    wiring.harness.sheet = "outputs"
    for name, type_, words in SWITCHED:
        wiring.harness.add(Part(name, type_, words, ("+", "-")))
        wiring.output(Net("VCU", name, ((RED, name, "+"),)), OUTPUTS_A[name])
        wiring.output(Net(name, "GND", ((BLACK, "-", "*"),)), OUTPUTS_A[name])
    bolt = ("+", "-", "S1", "S2")
    words = "12 V bolt, switch closed while it is shut"
    wiring.harness.add(Part("LOCK", "Lock actuator", words, bolt))
    words = "12 V, opens by hand without power"
    wiring.harness.add(Part("DOOR", "Door release", words, ("+", "-")))
    for name in ("LOCK", "DOOR"):
        wires = ((RED, f"{name}+", "+"), (BLACK, f"{name}-", "-"))
        wiring.output(Net("VCU", name, wires), OUTPUTS_A[name])
    wiring.signal(Net("VCU", "LOCK", (("YE", "SENSE", "S1"), (RED, "SENSE_V", "S2"))))
    button = Part("WAKE", "Wake button", "closes when pressed, IP67", ("1", "2"), "controls")
    wiring.harness.add(button)
    wiring.signal(Net("VCU", "WAKE", ((RED, "WAKE_V", "1"), ("WH", "WAKE", "2"))))
    if wiring.light:
        wiring.harness.add(Part("LED", "Status light", "LED, 3 V", ("A", "K"), "controls"))
        wiring.signal(Net("VCU", "LED", ((RED, "LED+", "A"), (BLACK, "LED-", "K"))))
