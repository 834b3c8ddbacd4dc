"""The parts list of a vehicle: `python -m hw.parts VEHICLE [--csv|--md] [--board BOARD]`.

Counted from the harness (loom and VCU's box), so that the list and the drawings cannot differ.
Frame, wheels, brakes and bodywork are not in it: nothing here knows them.
"""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hw.errors import ConfigError
from hw.harness.loom import terminals
from hw.harness.model import Cable, Part
from hw.harness.sources import box_of, loom_of
from hw.vehicle_config import load_vehicle
from hw.vehicle_schema import VehicleConfig

COLUMNS = ("group", "item", "quantity", "unit", "where")
GROUPS = (
    "devices",
    "controls",
    "power distribution",
    "electronics",
    "plugs and lugs",
    "cable",
)
USAGE = "usage: python -m hw.parts VEHICLE [--csv|--md] [--board BOARD]"
# Colours of IEC 60757, as a shop calls them.
COLOURS = {
    "BK": "black", "BN": "brown", "RD": "red", "OG": "orange", "YE": "yellow", "GN": "green",
    "BU": "blue", "VT": "violet", "GY": "grey", "WH": "white", "PK": "pink",
    "GNYE": "green-yellow",
}  # fmt: skip


@dataclass
class Item:
    """`where` are the designators of the drawings."""

    group: str
    item: str
    unit: str
    quantity: float = 0.0
    where: list[str] = field(default_factory=list)

    @property
    def row(self) -> tuple[str, ...]:
        number = f"{round(self.quantity, 1):g}"
        return (self.group, self.item, number, self.unit, " ".join(self.where))


class PartsList:
    """Adds up what is the same, in the order of GROUPS."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str], Item] = {}

    def add(self, group: str, item: str, quantity: float, where: str, unit: str = "pc") -> None:
        key = (group, item, unit)
        found = self._items.setdefault(key, Item(group, item, unit))
        found.quantity += quantity
        if where not in found.where:
            found.where.append(where)

    def items(self) -> list[Item]:
        found = self._items.values()
        return sorted(found, key=lambda one: (GROUPS.index(one.group), one.item))


def parts_list(config: VehicleConfig, board: str | None = None) -> list[Item]:
    """Everything to buy for a vehicle; `board` instead of the configuration's own. Raises
    ConfigError.
    """
    found = PartsList()
    loom, inside = loom_of(config, board), box_of(board or config.harness.board)
    for harness in (loom, inside):
        for part in harness.parts.values():
            _add_part(found, part, inside_box=harness is inside)
        for cable in harness.cables:
            _add_cable(found, cable)
    for item, count in sorted(terminals(loom).items()):
        found.add("plugs and lugs", item, count, "loom")
    return found.items()


def _add_part(found: PartsList, part: Part, *, inside_box: bool) -> None:
    group = "electronics" if inside_box else part.group
    if part.type.startswith("Resistor"):
        found.add("electronics", part.type, 1, part.name)
    elif part.type != "Rail":  # a solder joint
        found.add(group, f"{part.type}, {part.subtype}", 1, part.name)
    if part.plug:
        found.add("plugs and lugs", part.plug, 1, part.name)
    for component in part.components:
        kind = "power distribution" if component.name.startswith("Fuse") else "electronics"
        found.add(kind, component.name, component.count, part.name)


def _add_cable(found: PartsList, cable: Cable) -> None:
    if cable.kind != "wires":
        size = f"{len(cable.wires)} x {cable.gauge_mm2:g} mm²"
        found.add("cable", f"{cable.kind.capitalize()}, {size}", cable.length_m, cable.name, "m")
        return
    for wire in cable.wires:
        item = f"Wire, {cable.gauge_mm2:g} mm², {COLOURS[wire.colour]}"
        found.add("cable", item, cable.length_m, cable.name, "m")


def as_csv(items: Iterable[Item]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(item.row for item in items)
    return text.getvalue()


def as_markdown(items: Iterable[Item]) -> str:
    rows = [COLUMNS, ("---", "---", "---:", "---", "---"), *(item.row for item in items)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def vehicle_argument(text: str) -> str | Path:
    """A name of `hw/vehicles`, or the path of a file."""
    return Path(text) if text.endswith(".toml") else text


def main(arguments: Sequence[str]) -> int:
    """0; 1 for a vehicle or board that is refused; 2 for other arguments."""
    rest, board = list(arguments), None
    if "--board" in rest and rest.index("--board") + 1 < len(rest):
        at = rest.index("--board")
        board = rest[at + 1]
        del rest[at : at + 2]
    forms = [one for one in rest if one.startswith("-")]
    names = [one for one in rest if not one.startswith("-")]
    if len(names) != 1 or forms not in ([], ["--csv"], ["--md"]):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        items = parts_list(load_vehicle(vehicle_argument(names[0])), board)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_csv(items) if forms == ["--csv"] else as_markdown(items), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
