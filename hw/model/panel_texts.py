"""The words of a display for each screen, in English and French: panel_texts.toml.

Refuses a file that leaves a language out, or a line that no display of 20 characters can show.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hw.errors import ConfigError

FILE = Path(__file__).with_name("panel_texts.toml")
LANGUAGES = ("en", "fr")
COLUMNS = 20
LINES = 2
NUMBER = "{n}"
# Two digits: km/h, minutes, digits typed; a percentage of 100 is written where the line is short.
_WIDEST = "99"


@dataclass(frozen=True)
class ScreenText:
    """One screen: its name, and its lines by language."""

    name: str
    lines: Mapping[str, tuple[str, ...]]

    def shown(self, language: str, number: int) -> tuple[str, ...]:
        """The lines with the frame's number in them; cut as a display would."""
        return tuple(line.replace(NUMBER, str(number))[:COLUMNS] for line in self.lines[language])


@cache
def load_panel_texts(path: Path = FILE) -> Mapping[int, ScreenText]:
    """By the number of the screen. Raises ConfigError, which names file, screen and key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name}: cannot be read: {error}") from error
    return {_number(key, path.name): _screen(document[key], path.name, key) for key in document}


def _number(key: str, file: str) -> int:
    if not (key.isascii() and key.isdigit() and 0 < int(key) < 256 and str(int(key)) == key):
        raise ConfigError(f"{file}: {key}: expected the number of a screen, 1 to 255")
    return int(key)


def _screen(table: object, file: str, key: str) -> ScreenText:
    if not isinstance(table, dict) or sorted(table) != sorted(("name", *LANGUAGES)):
        raise ConfigError(f"{file}: {key}: expected exactly name, {', '.join(LANGUAGES)}")
    if not isinstance(table["name"], str) or not table["name"].replace("_", "").isalpha():
        raise ConfigError(f"{file}: {key}.name: expected a name, got {table['name']!r}")
    lines = {
        language: _lines(table[language], f"{file}: {key}.{language}") for language in LANGUAGES
    }
    return ScreenText(table["name"], lines)


def _lines(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= LINES:
        raise ConfigError(f"{where}: expected 1 or {LINES} lines, got {value!r}")
    for line in value:
        if not isinstance(line, str) or not line.strip() or not line.isprintable():
            raise ConfigError(f"{where}: expected text, got {line!r}")
        if len(line.replace(NUMBER, _WIDEST)) > COLUMNS:
            raise ConfigError(f"{where}: {line!r} has more than {COLUMNS} characters")
    return tuple(value)
