"""The loom of a vehicle: everything outside of the VCU's box, from its configuration."""

from collections import Counter
from dataclasses import replace

from hw.harness.bus import add_bus
from hw.harness.charging import MAINS_PINS, add_charging
from hw.harness.controls import add_controls, add_outputs, dash_pins
from hw.harness.model import Harness, Part
from hw.harness.power import add_power
from hw.harness.supply import add_supply
from hw.harness.wiring import Wiring
from hw.places import places
from hw.vehicle_schema import VehicleConfig

# Bolts, studs and blades have no plug; a plug's family follows the configuration.
BARS = ("Bus bar", "Ground bar")
_WITHOUT_PLUG = (*BARS, "Fuse", "Fuse box", "Contactor", "Battery 12 V", "Charging inlet")
FAMILIES = {
    "sealed": "Plug, sealed, IP67",
    "open": "Plug, open, locked",
}
_SIZES = (2, 3, 4, 6, 8, 12, 18, 24, 36)
STRONG_MM2 = 4.0


def loom(config: VehicleConfig, *, light: bool = True) -> Harness:
    """`light`: with a status light outside of the box. Raises ConfigError where no wire or fuse is
    large enough.
    """
    harness = Harness(config.name, "power")
    wiring = Wiring(harness, config, places(config), light)
    add_power(wiring)
    add_charging(wiring)
    add_supply(wiring, dash_pins(config))
    add_controls(wiring)
    add_outputs(wiring)
    add_bus(wiring)
    for name, part in harness.parts.items():
        harness.parts[name] = replace(part, plug=_plug(harness, part, config))
    return harness


def _plug(harness: Harness, part: Part, config: VehicleConfig) -> str:
    """The plug of a part by how many thin wires go to it; thick ones end in lugs."""
    if part.type in _WITHOUT_PLUG:
        return ""
    ends = pins_by_gauge(harness, part.name)
    # Mains have a plug of their own.
    thin = {pin for pin, gauge in ends if gauge < STRONG_MM2 and pin not in MAINS_PINS}
    if not thin:
        return ""
    size = next(size for size in _SIZES if size >= len(thin))
    return f"{FAMILIES[config.harness.connectors]}, {size} pins"


def pins_by_gauge(harness: Harness, name: str) -> list[tuple[str, float]]:
    """Every wire's end at this part: its pin and the cross-section."""
    return [
        (pin, cable.gauge_mm2)
        for cable in harness.cables
        for wire in cable.wires
        for part, pin in (wire.start, wire.end)
        if part == name
    ]


def terminals(harness: Harness) -> Counter[str]:
    """What is crimped on each wire's end, by name."""
    found: Counter[str] = Counter()
    for name, part in harness.parts.items():
        plugged = {}
        for pin, gauge in pins_by_gauge(harness, name):
            if pin in MAINS_PINS:
                found[f"Ferrule, {gauge:g} mm²"] += 1
            elif gauge >= STRONG_MM2 or part.type in BARS:
                found[f"Ring lug, {gauge:g} mm²"] += 1
            elif part.plug:
                plugged[pin] = gauge
            else:
                found[f"Receptacle 6.3 mm, {gauge:g} mm²"] += 1
        # Where the bus passes, two wires share a contact.
        found.update(f"Contact and seal for a plug, {gauge:g} mm²" for gauge in plugged.values())
    return found
