"""Writes what follows from `diagnosis.toml`: `python -m hw.uds.generate [--check]`.

The firmware's numbers (protocol/uds_table.py), the workbench's words (workbench/uds/table.py) and
the tables of docs/diagnosis.md, between its marks.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hw.errors import TableError
from hw.uds.table import FAULTS, NODES, TABLE, TYPES, Datum, Table, Trouble, load

ROOT = Path(__file__).resolve().parents[2]
DEVICE = "protocol/uds_table.py"
HOST = "workbench/uds/table.py"
PAGE = "docs/diagnosis.md"
BEGIN = "<!-- {}: generated -->"
END = "<!-- end -->"
_SIGNED = 0x80
_FREEZE = 0x40
_COMMAND = "`python -m hw.uds.generate`"

DEVICE_HEAD = f'''"""Generated from hw/uds/diagnosis.toml by {_COMMAND}. Do not edit."""

# fmt: off
'''
HOST_HEAD = f'''"""Generated from hw/uds/diagnosis.toml by {_COMMAND}. Do not edit."""

# fmt: off
'''


def device(table: Table) -> str:
    """DATA: number (2), form: bytes of the number (0: text) with SIGNED and FREEZE.
    TROUBLES: code (3), node, fault code (3); 0 for any code that the node reports of itself."""
    lines = [DEVICE_HEAD]
    lines += [f"{datum.name.upper()} = 0x{datum.number:04X}" for datum in table.data]
    lines += [f"{one.name.upper()} = 0x{one.number:04X}" for one in table.routines]
    lines += [
        "# number (2), then the bytes of the value, 0 for a text, with SIGNED and FREEZE",
        f"SIGNED = 0x{_SIGNED:02X}",
        f"FREEZE = 0x{_FREEZE:02X}",
        "DATA = (",
        *(f"    {_literal(_form(datum))}  # {datum.name}" for datum in table.data),
        ")",
        "# code (3), node, fault code (3), where 0 is any code that the node reports of itself",
        "TROUBLES = (",
    ]
    for trouble in table.troubles:
        row = trouble.number.to_bytes(3, "big")
        row += bytes([NODES.index(trouble.node) + 1]) + FAULTS[trouble.fault].to_bytes(3, "big")
        lines.append(f"    {_literal(row)}  # {trouble.code} {trouble.node} {trouble.fault}")
    return "\n".join([*lines, ")"]) + "\n"


def _form(datum: Datum) -> bytes:
    form = TYPES[datum.type] | _SIGNED * (datum.type[0] == "s") | _FREEZE * datum.freeze
    return datum.number.to_bytes(2, "big") + bytes([form])


def _literal(data: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def host(table: Table) -> str:
    """The words for a person: DATA, ROUTINES, TROUBLES by number."""
    lines = [HOST_HEAD, "# number -> (name, type, unit, meaning)"]
    lines.append("DATA: dict[int, tuple[str, str, str, str]] = {")
    for one in table.data:
        words = ", ".join(map(_text, (one.name, one.type, one.unit, one.meaning)))
        lines.append(f"    0x{one.number:04X}: ({words}),")
    lines += ["}", f"FREEZE = {tuple(d.number for d in table.data if d.freeze)}"]
    lines.append("# number -> name")
    lines.append("ROUTINES: dict[int, str] = {")
    lines += [f"    0x{one.number:04X}: {_text(one.name)}," for one in table.routines]
    lines += ["}", "# number -> (code, node, fault, English, French, what to do)"]
    lines.append("TROUBLES: dict[int, tuple[str, str, str, str, str, str]] = {")
    for each in table.troubles:
        fields = (each.code, each.node, each.fault, each.en, each.fr, each.do)
        lines.append(f"    0x{each.number:06X}: ({', '.join(map(_text, fields))}),")
    return "\n".join([*lines, "}"]) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def tables(table: Table) -> dict[str, str]:
    """The three tables of the page, by their marks."""
    data = ["| number | name | type | unit | what |", "|---|---|---|---|---|"]
    data += [_datum_row(one) for one in table.data]
    routines = ["| number | name | what |", "|---|---|---|"]
    routines += [f"| 0x{one.number:04X} | `{one.name}` | {one.meaning} |" for one in table.routines]
    troubles = ["| code | bytes | fault | what | quoi | what to do |", "|---|---|---|---|---|---|"]
    troubles += [_row(each) for each in table.troubles]
    parts = {"data": data, "routines": routines, "troubles": troubles}
    return {name: "\n".join(rows) for name, rows in parts.items()}


def _datum_row(one: Datum) -> str:
    kept = " (in freeze frames)" if one.freeze else ""
    cells = (f"0x{one.number:04X}", f"`{one.name}`", one.type, one.unit, one.meaning + kept)
    return "| " + " | ".join(cells) + " |"


def _row(each: Trouble) -> str:
    named = f"{each.node} `{each.fault}`"
    words = (each.code, f"{each.number:06X}", named, each.en, each.fr, each.do)
    return "| " + " | ".join(words) + " |"


def page(text: str, table: Table) -> str:
    """The page with its tables as they should be. Raises TableError for a mark that is missing."""
    for name, rows in tables(table).items():
        begin = BEGIN.format(name)
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(END)
        if not found or not closed:
            raise TableError(f"{PAGE}: the mark {begin} or its end is missing")
        text = f"{head}{begin}\n{rows}\n{END}{tail}"
    return text


def files(table: Table, root: Path) -> dict[Path, str]:
    """What the files should say."""
    shown = root / PAGE
    return {
        root / DEVICE: device(table),
        root / HOST: host(table),
        shown: page(shown.read_text(encoding="utf-8"), table),
    }


def main(arguments: Sequence[str], source: Path = TABLE, root: Path = ROOT) -> int:
    """Writes the files, or with --check only compares. Returns the exit status."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hw.uds.generate [--check]", file=sys.stderr)
        return 2
    try:
        wanted = files(load(source), root)
    except (TableError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    status = 0
    for path, text in wanted.items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments:
            print(f"{path.name} is not what {source.name} says: run {_COMMAND}", file=sys.stderr)
            status = 1
        else:
            path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
