"""The 12 V side: supply, VCU, the bus, dash and controls, lamps, bolt and door."""

import itertools
from dataclasses import replace

from hw import electrical
from hw.harness.model import Component, Harness, Net, Part, length_between
from hw.places import Place
from hw.vehicle_schema import VehicleConfig

RED, BLACK = "RD", "BK"
# Consumers at 12 V in ampere.
LOADS_A = {"VCU": 0.5, "HMI": 1.0, "GNSS": 0.2, "GW": 1.0}
OUTPUTS_A = {"LAMPF": 3.0, "LAMPR": 0.5, "HORN": 4.0, "LOCK": 3.0, "DOOR": 3.0}
# Each output of the VCU's box is a switch that ends its own current here; its wire carries that.
SWITCH_LIMIT_A = 8.0
SIGNAL_A, SIGNAL_LIMIT_A = 0.1, 0.5
DRIVE_ENABLE_A = 0.02

BUS_PINS = ("CANH", "CANL")
# The pins of the VCU's box to the vehicle; hw/harness/box.py leads them to the board.
VCU_PINS = (
    "12V", "GND", "12V_OUT", "CANH", "CANL", "EN", "EN_GND", "LAMPF", "LAMPR", "HORN",
    "LOCK+", "LOCK-", "SENSE", "SENSE_V", "DOOR+", "DOOR-", "WAKE_V", "WAKE", "LED+", "LED-",
)  # fmt: skip

# The controls at the dash: part, type, subtype, pins of it, and of HMI.
CONTROLS = (
    ("KEY", "Key switch", "1 contact, IP65", ("1", "2"), ("KEY", "KEY_GND")),
    ("BRAKE", "Brake switch", "closes when braking, both levers", ("1", "2"), ("BRK", "BRK_GND")),
    ("THROTTLE", "Throttle", "Hall sensor, 5 V", ("5V", "GND", "OUT"), ("5V_T", "GND_T", "THR")),
    (
        "GEAR",
        "Gear selector",
        "forward, reverse",
        ("C", "F", "R"),
        ("GND_G", "FWD", "REV"),
    ),
    ("SWITCHES", "Switches", "lights, horn", ("C", "L", "H"), ("GND_S", "LGT", "HRN")),
)
STEERING = (
    "STEER", "Steering angle sensor", "Hall, ±90°, 5 V", ("5V", "GND", "OUT"),
    ("5V_A", "GND_A", "ANG"),
)  # fmt: skip
COLOURS = ("RD", "BK", "GN")


def add_signals(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    """Everything at 12 V and below. Raises ConfigError."""
    harness.sheet = "supply"
    _add_supply(harness, where)
    _add_vcu(harness, where)
    _add_consumers(harness, config, where)
    harness.sheet = "controls"
    _add_controls(harness, config, where)
    harness.sheet = "outputs"
    _add_outputs(harness, where)
    harness.sheet = "bus"
    enable = Net("VCU", "MC", (("OG", "EN", "EN"), ("BK", "EN_GND", "EN_GND")))
    _signal(harness, where, enable, kind="twisted pair", current=DRIVE_ENABLE_A)
    _add_bus(harness, where)
    if len(config.packs) > 1:
        link = Net("PACK1", "PACK2", (("WH", "LINK+", "LINK+"), ("BN", "LINK-", "LINK-")))
        _signal(harness, where, link, kind="twisted pair")


def _add_supply(harness: Harness, where: dict[str, Place]) -> None:
    """Converter and battery feed one fuse box; every minus ends at one bar."""
    fuses = {"VCU": LOADS_A["VCU"], "OUT": sum(OUTPUTS_A.values()), "HMI": LOADS_A["HMI"]}
    fuses["BOX"] = LOADS_A["GNSS"] + LOADS_A["GW"]
    components = tuple(
        Component(f"Fuse {electrical.fuse_for(amps):g} A, blade, ISO 8820-3", 1, f"output {name}")
        for name, amps in fuses.items()
    )
    pins = ("AUX", "DCDC", "VCU", "OUT", "HMI", "GNSS", "GW")
    box = Part("FB", "Fuse box", "4 blade fuses, IP66", pins, "power distribution")
    harness.add(replace(box, components=components))
    harness.bar("GND", "Ground bar", "12 V minus, isolated from the packs")
    rating = electrical.fuse_for(sum(fuses.values()))
    battery = Component(f"Fuse {rating:g} A, blade, ISO 8820-3", 1, "at the battery's plus")
    harness.add(
        Part("AUX", "Battery 12 V", "7 Ah, lead, six cells", ("+", "-"), components=(battery,))
    )
    total = sum(fuses.values())
    for part, plus, minus in (("AUX", "+", "-"), ("DCDC", "OUT+", "OUT-")):
        net = Net(part, "FB", ((RED, plus, part),))
        length = length_between(where, net)
        gauge = electrical.gauge_for(total, rating, length, electrical.SUPPLY_V)
        for one in (net, Net(part, "GND", ((BLACK, minus, "*"),))):
            harness.join(
                one,
                gauge_mm2=gauge,
                length_m=length_between(where, one),
                current_a=total,
                protected_a=rating,
            )


def _add_vcu(harness: Harness, where: dict[str, Place]) -> None:
    note = "The box with the board: see its own drawing."
    harness.add(Part("VCU", "VCU box", "20 pins", VCU_PINS, node="VCU", note=note))
    outputs = sum(OUTPUTS_A.values())
    _feed(harness, where, Net("FB", "VCU", ((RED, "VCU", "12V"),)), LOADS_A["VCU"])
    _feed(harness, where, Net("FB", "VCU", ((RED, "OUT", "12V_OUT"),)), outputs)
    _feed(harness, where, Net("VCU", "GND", ((BLACK, "GND", "*"),)), outputs)


def _add_consumers(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    kinds = {
        "HMI": ("Dash", "display, keypad, emergency button"),
        "GNSS": ("GNSS receiver", "with antenna and CAN"),
        "GW": ("Gateway", "with mobile radio"),
    }
    for name, (type_, subtype) in kinds.items():
        if name == "GNSS" and not config.sensors.gnss:
            continue
        pins = ["12V", "GND", "CANH", "CANL"]
        if name == "HMI":
            pins += [pin for control in _controls(config) for pin in control[4]]
        harness.add(Part(name, type_, subtype, tuple(pins), node=name))
        # One fuse is for receiver and gateway: each wire carries what it lets through.
        shared = LOADS_A["GNSS"] + LOADS_A["GW"] if name != "HMI" else LOADS_A[name]
        _feed(harness, where, Net("FB", name, ((RED, name, "12V"),)), shared)
        _feed(harness, where, Net(name, "GND", ((BLACK, "GND", "*"),)), shared)


def _controls(
    config: VehicleConfig,
) -> list[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]]:
    return [*CONTROLS, STEERING] if config.sensors.steering else list(CONTROLS)


def _add_controls(harness: Harness, config: VehicleConfig, where: dict[str, Place]) -> None:
    for name, type_, subtype, own, at_dash in _controls(config):
        harness.add(Part(name, type_, subtype, own, group="controls"))
        wires = tuple(zip(COLOURS, at_dash, own, strict=False))
        _signal(harness, where, Net("HMI", name, wires))


def _add_outputs(harness: Harness, where: dict[str, Place]) -> None:
    """What the VCU switches, and what it reads."""
    for name, type_, subtype in (
        ("LAMPF", "Headlamp", "LED, 12 V"),
        ("LAMPR", "Rear lamp", "LED, 12 V"),
        ("HORN", "Horn", "12 V, 105 dB"),
    ):
        harness.add(Part(name, type_, subtype, ("+", "-")))
        _output(harness, where, Net("VCU", name, ((RED, name, "+"),)), OUTPUTS_A[name])
        _output(harness, where, Net(name, "GND", ((BLACK, "-", "*"),)), OUTPUTS_A[name])
    sensed = ("+", "-", "S1", "S2")
    harness.add(Part("LOCK", "Lock actuator", "12 V bolt, spring, switch of the bolt", sensed))
    harness.add(Part("DOOR", "Door release", "12 V, opens by hand without power", ("+", "-")))
    for name in ("LOCK", "DOOR"):
        wires = ((RED, f"{name}+", "+"), (BLACK, f"{name}-", "-"))
        _output(harness, where, Net("VCU", name, wires), OUTPUTS_A[name])
    _signal(harness, where, Net("VCU", "LOCK", (("YE", "SENSE", "S1"), ("RD", "SENSE_V", "S2"))))
    harness.add(Part("WAKE", "Wake button", "closes when pressed, IP67", ("1", "2"), "controls"))
    _signal(harness, where, Net("VCU", "WAKE", (("RD", "WAKE_V", "1"), ("WH", "WAKE", "2"))))
    harness.add(Part("LED", "Status light", "LED, 3 V", ("A", "K"), "controls"))
    _signal(harness, where, Net("VCU", "LED", (("RD", "LED+", "A"), ("BK", "LED-", "K"))))


def bus_order(harness: Harness, where: dict[str, Place]) -> list[str]:
    """The nodes from the front to the rear; the bus is one line without branches."""
    nodes = [part.name for part in harness.parts.values() if part.node]
    return sorted(nodes, key=lambda name: (where[name].x, name))


def _add_bus(harness: Harness, where: dict[str, Place]) -> None:
    """ISO 11898-2: 120 Ω at both ends, nowhere else."""
    order = bus_order(harness, where)
    for name, beside in (("TERM1", order[0]), ("TERM2", order[-1])):
        resistor = Component("Resistor 120 Ω, 1 %, 0.25 W", 1, "CANH to CANL")
        harness.add(Part(name, "Bus termination", "plug", BUS_PINS, components=(resistor,)))
        where[name] = where[beside]
    line = ["TERM1", *order, "TERM2"]
    pair = (("YE", "CANH", "CANH"), ("GN", "CANL", "CANL"))
    for number, (first, second) in enumerate(itertools.pairwise(line)):
        # Every second one is drawn from right to left: the drawing has two columns.
        start, end = (first, second) if number % 2 == 0 else (second, first)
        _signal(harness, where, Net(start, end, pair), kind="twisted pair")


def _feed(harness: Harness, where: dict[str, Place], net: Net, current: float) -> None:
    length = length_between(where, net)
    fed = electrical.feed(current, length, electrical.SUPPLY_V)
    harness.join(
        net, gauge_mm2=fed.gauge_mm2, length_m=length, current_a=current, protected_a=fed.fuse_a
    )


def _output(harness: Harness, where: dict[str, Place], net: Net, current: float) -> None:
    length = length_between(where, net)
    gauge = electrical.gauge_for(current, SWITCH_LIMIT_A, length, electrical.SUPPLY_V)
    harness.join(
        net, gauge_mm2=gauge, length_m=length, current_a=current, protected_a=SWITCH_LIMIT_A
    )


def _signal(
    harness: Harness,
    where: dict[str, Place],
    net: Net,
    *,
    kind: str = "wires",
    current: float = SIGNAL_A,
) -> None:
    harness.join(
        net,
        gauge_mm2=min(electrical.AMPACITY_A),
        length_m=length_between(where, net),
        current_a=current,
        protected_a=SIGNAL_LIMIT_A,
        kind=kind,
    )
