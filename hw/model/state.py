"""What outlives a simulated vehicle: a small JSON file, replaced as a whole.

Refuses other keys, other types, and numbers that no vehicle can have.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hw.errors import ConfigError

MAX_BYTES = 4096


@dataclass(frozen=True)
class SavedState:
    """`route_m` is the distance along the route; `boot` counts the starts."""

    odometer_m: float = 0.0
    soc: float = 0.9
    route_m: float = 0.0
    motor_temp_c: float = 22.0
    boot: int = 0


LIMITS = {
    "odometer_m": (0, 1e9),
    "soc": (0, 1),
    "route_m": (0, 1e9),
    "motor_temp_c": (-40, 200),
    "boot": (0, 0xFFFFFFFF),
}


def load_state(path: Path | None, fresh: SavedState) -> SavedState:
    """The saved state, `fresh` where there is no file. Raises ConfigError for another file."""
    if path is None or not path.exists():
        return fresh
    try:
        text = path.read_bytes()
        document = json.loads(text) if len(text) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name}: cannot be read: {error}") from error
    names = [one.name for one in fields(SavedState)]
    if not isinstance(document, dict) or sorted(document) != sorted(names):
        raise ConfigError(f"{path.name}: expected exactly {', '.join(names)}")
    for name, value in document.items():
        low, high = LIMITS[name]
        whole = isinstance(value, int) or (name != "boot" and isinstance(value, float))
        if not whole or isinstance(value, bool) or not low <= value <= high or math.isnan(value):
            raise ConfigError(f"{path.name}: {name}: expected {low} to {high}, got {value!r}")
    return SavedState(**document)


def save_state(path: Path, state: SavedState) -> None:
    """Replaces the file; a reader sees the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(asdict(state)) + "\n", encoding="utf-8")
    fresh.replace(path)
