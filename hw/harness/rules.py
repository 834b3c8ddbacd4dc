"""What a harness must keep, whoever wrote it: each rule gives the sentences about its breaches."""

from collections import Counter

from hw.electrical import AMPACITY_A
from hw.harness.model import Harness

BUS_PINS = ("CANH", "CANL")
# A single-core wire may be thinner inside a box, where nothing pulls at it.
INSIDE_MM2, INSIDE_A = 0.25, 0.5


def breaches(harness: Harness) -> list[str]:
    """Everything that is wrong; empty for a harness that may be built."""
    return [*_ends(harness), *_pins(harness), *_gauges(harness)]


def _ends(harness: Harness) -> list[str]:
    """No wire ends nowhere, and none joins a pin with itself."""
    found = []
    for cable in harness.cables:
        for wire in cable.wires:
            for name, pin in (wire.start, wire.end):
                part = harness.parts.get(name)
                if part is None or pin not in part.pins:
                    found.append(f"{cable.name}: ends at {name}:{pin}, which is not there")
            if wire.start == wire.end:
                found.append(f"{cable.name}: both ends at {wire.start[0]}:{wire.start[1]}")
    return found


def uses(harness: Harness) -> Counter[tuple[str, str]]:
    """How many wires each pin has."""
    return Counter(
        end for cable in harness.cables for wire in cable.wires for end in (wire.start, wire.end)
    )


def _pins(harness: Harness) -> list[str]:
    """One wire a pin; the bus passes a node, so that it has two there and one at its ends."""
    used, found = uses(harness), []
    for part in harness.parts.values():
        if len(set(part.pins)) != len(part.pins):
            found.append(f"{part.name}: a pin is there twice")
        for pin in part.pins:
            count = used[part.name, pin]
            expected = 2 if part.node and pin in BUS_PINS else 1
            if count != expected and not (pin in part.shared and count > 1):
                found.append(f"{part.name}:{pin}: expected {expected} wires, has {count}")
    return found


def _gauges(harness: Harness) -> list[str]:
    """A wire carries what its fuse lets through."""
    found = []
    for cable in harness.cables:
        most = AMPACITY_A.get(cable.gauge_mm2, 0.0)
        if cable.gauge_mm2 == INSIDE_MM2:
            most = INSIDE_A
        if most < max(cable.protected_a, cable.current_a):
            found.append(f"{cable.name}: {cable.gauge_mm2} mm² for {cable.protected_a} A")
    return found
