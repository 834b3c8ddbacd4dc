"""What a harness is made of, and a builder that gives studs of bars and names of cables.

A part is anything with pins. A cable joins two parts, its wires pins. All are plain data: rules.py
judges them, source.py writes them for WireViz, hw/parts.py counts them.
"""

from dataclasses import dataclass, field, replace

End = tuple[str, str]  # part, pin


@dataclass(frozen=True)
class Component:
    """What belongs to a part and has no wire of its own, a resistor in its plug for instance."""

    name: str
    count: int = 1
    why: str = ""


@dataclass(frozen=True)
class Part:
    """`node` is the name in the DBC of what speaks on the bus; `group` sorts the list of parts.

    `shared` are pins at which several wires meet, on a circuit board. `counted` is False where
    another drawing has the part in its bill of materials.
    """

    name: str
    type: str
    subtype: str
    pins: tuple[str, ...]
    group: str = "devices"
    plug: str = ""
    node: str = ""
    components: tuple[Component, ...] = ()
    note: str = ""
    counted: bool = True
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wire:
    colour: str  # IEC 60757
    start: End
    end: End


@dataclass(frozen=True)
class Cable:
    """`current_a` flows at most for long, `protected_a` is where its fuse or its switch ends it.

    `sheet` is the drawing on which it is shown.
    """

    name: str
    kind: str  # "wires", "twisted pair" or "screened"
    gauge_mm2: float
    length_m: float
    current_a: float
    protected_a: float
    wires: tuple[Wire, ...]
    sheet: str


@dataclass(frozen=True)
class Net:
    """The wiring of a cable before it has a name: pins of one part and of another."""

    start: str
    end: str
    wires: tuple[tuple[str, str, str], ...]  # colour, pin of start, pin of end


@dataclass
class Harness:
    title: str
    sheet: str  # of the cables that follow
    prefix: str = "W"  # of their names
    parts: dict[str, Part] = field(default_factory=dict)
    cables: list[Cable] = field(default_factory=list)

    def add(self, part: Part) -> None:
        self.parts[part.name] = part

    def bar(self, name: str, type_: str, subtype: str) -> None:
        """A part whose studs come with the wires: pin `*` of a wire is the next free one."""
        self.add(Part(name, type_, subtype, (), group="power distribution"))

    def join(
        self,
        net: Net,
        *,
        gauge_mm2: float,
        length_m: float,
        current_a: float,
        protected_a: float,
        kind: str = "wires",
    ) -> None:
        """A cable between two parts."""
        wires = tuple(
            Wire(
                colour,
                (net.start, self._pin(net.start, a)),
                (net.end, self._pin(net.end, b)),
            )
            for colour, a, b in net.wires
        )
        name = f"{self.prefix}{len(self.cables) + 1}"
        numbers = (gauge_mm2, length_m, current_a, protected_a)
        self.cables.append(Cable(name, kind, *numbers, wires, self.sheet))

    def sheets(self) -> list[str]:
        """In the order in which they begin."""
        return list(dict.fromkeys(cable.sheet for cable in self.cables))

    def on_sheet(self, sheet: str) -> "Harness":
        """What one drawing shows: its cables, and of their parts the pins that it uses. A part
        brings its plug and components on its first sheet alone, so that nothing counts twice.
        """
        cables = [cable for cable in self.cables if cable.sheet == sheet]
        ends = {end for cable in cables for wire in cable.wires for end in (wire.start, wire.end)}
        shown = Harness(f"{self.title}, {sheet}", sheet, cables=cables)
        for part in self.parts.values():
            pins = tuple(pin for pin in part.pins if (part.name, pin) in ends)
            if pins and self.home(part.name) == sheet:
                shown.add(part)
            elif pins:
                shown.add(replace(part, pins=pins, plug="", components=(), counted=False))
        return shown

    def home(self, name: str) -> str:
        """The first sheet that shows a part."""
        return next(
            cable.sheet
            for cable in self.cables
            if any(name in (wire.start[0], wire.end[0]) for wire in cable.wires)
        )

    def _pin(self, name: str, pin: str) -> str:
        if pin != "*":
            return pin
        part = self.parts[name]
        stud = str(len(part.pins) + 1)
        self.parts[name] = replace(part, pins=(*part.pins, stud))
        return stud
