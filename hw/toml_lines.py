"""Reads TOML of one flat form and remembers on which line each key stands; tomllib does not.

The form: `key = value` with a text, number, true or false on one line; `[section]`; `[[section]]`
for what there may be several of; comments. Every line is read by tomllib, so what is read here is
what any TOML program reads. Refuses everything else of TOML, and a key or section that is there
twice, by `file:line`.
"""

import io
import re
import tomllib
from dataclasses import dataclass, field

from hw.errors import ConfigError

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_-]+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_EXPECTED = "expected `key = value`, `[section]`, `[[section]]` or a comment"

Value = str | int | float | bool


@dataclass
class Table:
    """One section: its values, the line of each key, and the line of its own header."""

    line: int
    values: dict[str, Value] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, key: str) -> int:
        """The line of the key; where it is missing, that of the header."""
        return self.lines.get(key, self.line)


@dataclass
class Document:
    """What stands before the first section, the sections, and those that may be several."""

    file: str
    top: Table = field(default_factory=lambda: Table(1))
    sections: dict[str, Table] = field(default_factory=dict)
    lists: dict[str, list[Table]] = field(default_factory=dict)

    def refuse(self, line: int, words: str) -> ConfigError:
        """An error that names the line, for the caller to raise."""
        return ConfigError(f"{self.file}:{line}: {words}")


def scan(text: str, file: str) -> Document:
    """The document of the text; `file` is what errors name. Raises ConfigError."""
    document = Document(file)
    table = document.top
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        found = _read(document, number, line)
        if (header := _HEADER.fullmatch(line.rstrip("\r\n"))) is not None:
            table = _open(document, number, header[2], several=header[1] == "[[")
        elif found:
            _add(document, table, number, line, found)
        elif line.strip() and not line.lstrip().startswith("#"):
            raise document.refuse(number, _EXPECTED)
    return document


def _read(document: Document, number: int, line: str) -> dict[str, object]:
    try:
        return tomllib.loads(line)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise document.refuse(number, f"is not TOML: {reason}; {_EXPECTED}") from error


def _open(document: Document, number: int, name: str, *, several: bool) -> Table:
    """The table of a new header."""
    table = Table(number)
    earlier = [document.sections[name]] if name in document.sections else []
    earlier += document.lists.get(name, [])
    if earlier and (not several or name in document.sections):
        raise document.refuse(number, f"{name}: is there twice, first in line {earlier[0].line}")
    if name in document.top.values:
        raise document.refuse(number, f"{name}: is a value in line {document.top.lines[name]}")
    if several:
        document.lists.setdefault(name, []).append(table)
    else:
        document.sections[name] = table
    return table


def _add(
    document: Document, table: Table, number: int, line: str, found: dict[str, object]
) -> None:
    match = _KEY.match(line)
    if match is None:
        raise document.refuse(number, _EXPECTED)
    key, value = match[1], found.get(match[1])
    if not isinstance(value, (str, int, float, bool)):
        raise document.refuse(number, f"{key}: expected a text, a number, true or false")
    if key in table.values:
        raise document.refuse(number, f"{key}: is there twice, first in line {table.lines[key]}")
    table.values[key], table.lines[key] = value, number
