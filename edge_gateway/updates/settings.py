"""The table [updates] of gateway.toml. Without it a gateway brings no updates."""

from dataclasses import dataclass
from pathlib import Path

from edge_gateway import tables
from edge_gateway.tables import Check, Place

DEFAULTS: dict[str, object] = {"folder": "updates", "check_s": 60}
CHECKS: dict[str, Check] = {
    "root_file": tables.path,
    "folder": tables.path,
    "check_s": tables.number(1, 86_400),
}


@dataclass(frozen=True)
class UpdateSettings:
    """`root_file`: the repository's first root, brought by the operator, never by the line."""

    root_file: Path
    folder: Path
    # Between two questions what is wanted.
    check_s: int = 60


def read(file: Path, value: object) -> UpdateSettings:
    """Raises SettingsError."""
    found = tables.table(Place(file, "updates"), value, CHECKS, DEFAULTS)
    check_s = found["check_s"]
    assert isinstance(check_s, int)
    return UpdateSettings(Path(str(found["root_file"])), Path(str(found["folder"])), check_s)
