"""A harness as a WireViz source: YAML that is read by people, too. Deterministic."""

import json

from hw.harness.model import Cable, Component, Harness, Part

HEADER = """\
# Made by `python -m hw.harness` from {origin}; change that instead.
"""
OPTIONS = """\
options:
  fontname: Helvetica, Arial, sans-serif
  mini_bom_mode: false
"""


def yaml(harness: Harness, origin: str) -> str:
    """The whole file."""
    blocks = [
        HEADER.format(origin=origin),
        f"metadata:\n  title: {_text(harness.title)}\n\n{OPTIONS}\nconnectors:\n",
        *(_part(part) for part in harness.parts.values()),
        "\ncables:\n",
        *(_cable(cable) for cable in harness.cables),
        "\nconnections:\n",
        *(_connection(cable) for cable in harness.cables),
    ]
    return "".join(blocks)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def lines_of(words: str) -> str:
    """A line a phrase, so that boxes stay narrow."""
    return words.replace(", ", ",\n")


def _pin(pin: str) -> str:
    """A number is one without quotes: WireViz tells them apart."""
    return pin if pin.isdigit() else _text(pin)


def _list(values: list[str]) -> str:
    return "[" + ", ".join(values) + "]"


def _part(part: Part) -> str:
    lines = [
        f"  {part.name}:",
        f"    type: {_text(part.type)}",
        f"    subtype: {_text(lines_of(part.subtype))}",
        f"    pins: {_list([_pin(pin) for pin in part.pins])}",
    ]
    lines.append("    hide_disconnected_pins: true" if part.counted else "    ignore_in_bom: true")
    if part.note:
        lines.append(f"    notes: {_text(part.note)}")
    components = list(part.components)
    if part.plug:
        components.insert(0, Component(part.plug))
    if components:
        lines.append("    additional_components:")
        lines += [_component(one) for one in components]
    return "\n".join(lines) + "\n"


def _component(one: Component) -> str:
    why = f", subtype: {_text(one.why)}" if one.why else ""
    return f"      - {{type: {_text(one.name)}{why}, qty: {one.count}}}"


def _cable(cable: Cable) -> str:
    lines = [f"  {cable.name}:"]
    if cable.kind == "wires":
        lines.append("    category: bundle")
    else:
        lines.append(f"    type: {_text(cable.kind.capitalize())}")
    lines += [
        f"    gauge: {cable.gauge_mm2:g} mm2",
        f"    length: {cable.length_m:g}",
        f"    colors: {_list([wire.colour for wire in cable.wires])}",
    ]
    if cable.kind == "screened":
        lines.append("    shield: true")
    return "\n".join(lines) + "\n"


def _connection(cable: Cable) -> str:
    start, end = cable.wires[0].start[0], cable.wires[0].end[0]
    first = _list([_pin(wire.start[1]) for wire in cable.wires])
    last = _list([_pin(wire.end[1]) for wire in cable.wires])
    numbers = _list([str(number) for number in range(1, len(cable.wires) + 1)])
    return f"  - - {start}: {first}\n    - {cable.name}: {numbers}\n    - {end}: {last}\n"
