"""The CAN bus, one line with its two terminations, and the drive-enable line beside it."""

import itertools

from hw.harness.model import Component, Net, Part
from hw.harness.rules import BUS_PINS
from hw.harness.wiring import Wiring

PAIR = "twisted pair"
TERMINATION = "Resistor 120 Ω, 1 %, 0.25 W"


def add_bus(wiring: Wiring) -> None:
    """ISO 11898-2: 120 Ω at both ends, nowhere else; it passes every node."""
    wiring.harness.sheet = "bus"
    enable = (("OG", "EN", "EN"), ("BK", "EN_GND", "EN_GND"))
    wiring.signal(Net("VCU", "MC", enable), PAIR)
    nodes = bus_order(wiring)
    for name, beside in (("TERM1", nodes[0]), ("TERM2", nodes[-1])):
        resistor = Component(TERMINATION, 1, "CANH to CANL")
        end = Part(name, "Bus termination", "plug", BUS_PINS, components=(resistor,))
        wiring.harness.add(end)
        wiring.where[name] = wiring.where[beside]
    wires = (("YE", "CANH", "CANH"), ("GN", "CANL", "CANL"))
    line = ["TERM1", *nodes, "TERM2"]
    for number, (first, second) in enumerate(itertools.pairwise(line)):
        # Every second one is drawn from right to left: the drawing has two columns.
        start, end_name = (first, second) if number % 2 == 0 else (second, first)
        wiring.signal(Net(start, end_name, wires), PAIR)
    if len(wiring.config.packs) > 1:
        link = (("WH", "LINK+", "LINK+"), ("BN", "LINK-", "LINK-"))
        wiring.signal(Net("PACK1", "PACK2", link), PAIR)


def bus_order(wiring: Wiring) -> list[str]:
    """The nodes from the front to the rear."""
    nodes = [part.name for part in wiring.harness.parts.values() if part.node]
    return sorted(nodes, key=lambda name: (wiring.where[name].x, name))
