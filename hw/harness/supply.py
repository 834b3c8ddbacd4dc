"""The 12 V side: battery, fuse box, ground bar, and the nodes that they feed."""

from hw import electrical
from hw.harness.model import Component, Net, Part
from hw.harness.wiring import Wiring
from hw.vehicle_schema import VehicleConfig

RED, BLACK = "RD", "BK"
# At 12 V in ampere.
LOADS_A = {"VCU": 0.5, "HMI": 1.0, "GNSS": 0.2, "GW": 1.0}
OUTPUTS_A = {"LAMPF": 3.0, "LAMPR": 0.5, "HORN": 4.0, "LOCK": 3.0, "DOOR": 3.0}
# One fuse is for receiver and gateway: each wire carries what it lets through.
SHARED_A = LOADS_A["GNSS"] + LOADS_A["GW"]
# The pins of the VCU's box to the vehicle; box.py leads them to the board.
VCU_PINS = (
    "12V", "GND", "12V_OUT", "CANH", "CANL", "EN", "EN_GND", "LAMPF", "LAMPR", "HORN",
    "LOCK+", "LOCK-", "SENSE", "SENSE_V", "DOOR+", "DOOR-", "WAKE_V", "WAKE",
)  # fmt: skip
LIGHT_PINS = ("LED+", "LED-")


def add_supply(wiring: Wiring, dash_pins: tuple[str, ...]) -> None:
    """Battery and converter feed one fuse box; every minus ends at one bar. Raises ConfigError.

    `dash_pins` are those of the controls.
    """
    wiring.harness.sheet = "supply"
    fuses = {
        "VCU": LOADS_A["VCU"],
        "OUT": sum(OUTPUTS_A.values()),
        "HMI": LOADS_A["HMI"],
        "GNSS and GW": SHARED_A,
    }
    wiring.harness.add(_fuse_box(wiring.config, fuses))
    wiring.harness.bar("GND", "Ground bar", "12 V minus, isolated from the packs")
    _add_sources(wiring, sum(fuses.values()))
    note = "The box with the board: see its own drawing."
    pins = vcu_pins(wiring.light)
    box = Part("VCU", "VCU box", "IP65", pins, node="VCU", note=note)
    wiring.harness.add(box)
    _feed(wiring, Net("FB", "VCU", ((RED, "VCU", "12V"),)), LOADS_A["VCU"])
    _feed(wiring, Net("FB", "VCU", ((RED, "OUT", "12V_OUT"),)), fuses["OUT"])
    _feed(wiring, Net("VCU", "GND", ((BLACK, "GND", "*"),)), fuses["OUT"])
    for name, (type_, words) in consumers(wiring.config).items():
        own = ("12V", "GND", "CANH", "CANL", *(dash_pins if name == "HMI" else ()))
        wiring.harness.add(Part(name, type_, words, own, node=name))
        current = LOADS_A[name] if name == "HMI" else SHARED_A
        _feed(wiring, Net("FB", name, ((RED, name, "12V"),)), current)
        _feed(wiring, Net(name, "GND", ((BLACK, "GND", "*"),)), current)


def vcu_pins(light: bool) -> tuple[str, ...]:
    """The plug of the VCU's box; `light`: with a status light outside."""
    return (*VCU_PINS, *LIGHT_PINS) if light else VCU_PINS


def consumers(config: VehicleConfig) -> dict[str, tuple[str, str]]:
    """The nodes that the fuse box feeds, beside the VCU."""
    kinds = {"HMI": ("Dash", "display, keypad, emergency button")}
    if config.sensors.gnss:
        kinds["GNSS"] = ("GNSS receiver", "with antenna and CAN")
    return {**kinds, "GW": ("Gateway", "with mobile radio")}


def _fuse_box(config: VehicleConfig, fuses: dict[str, float]) -> Part:
    components = tuple(
        Component(f"Fuse {electrical.fuse_for(amps):g} A, blade, ISO 8820-3", 1, f"output {name}")
        for name, amps in fuses.items()
    )
    pins = ("AUX", "DCDC", "VCU", "OUT", *consumers(config))
    words = f"{len(fuses)} blade fuses, IP66"
    return Part("FB", "Fuse box", words, pins, "power distribution", components=components)


def _add_sources(wiring: Wiring, total_a: float) -> None:
    rating = electrical.fuse_for(total_a)
    fuse = Component(f"Fuse {rating:g} A, blade, ISO 8820-3", 1, "at the battery's plus")
    battery = Part("AUX", "Battery 12 V", "7 Ah, lead, six cells", ("+", "-"), components=(fuse,))
    wiring.harness.add(battery)
    for part, plus, minus in (("AUX", "+", "-"), ("DCDC", "OUT+", "OUT-")):
        _feed(wiring, Net(part, "FB", ((RED, plus, part),)), total_a)
        _feed(wiring, Net(part, "GND", ((BLACK, minus, "*"),)), total_a)


def _feed(wiring: Wiring, net: Net, current_a: float) -> None:
    wiring.fed([net], current_a, electrical.SUPPLY_V)
