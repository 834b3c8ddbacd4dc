"""Every WireViz source of the project by its name: the loom of each vehicle, and the VCU's box
with each board.
"""

from pathlib import Path

from boards.description import read_description
from boards.errors import DescriptionError
from boards.pins import BoardPin, read_pins
from hw.errors import ConfigError
from hw.harness.box import box, has_light_outside
from hw.harness.loom import loom
from hw.harness.model import Harness
from hw.harness.rules import breaches
from hw.harness.source import yaml
from hw.vehicle_checks import BOARDS, board_names
from hw.vehicle_config import load_vehicle, vehicle_names
from hw.vehicle_schema import VehicleConfig

FOLDER = Path(__file__).parent


def drawn_boards() -> list[str]:
    """Every board that one can hold in one's hands."""
    return [name for name in board_names() if name != "virtual"]


def box_of(board: str) -> Harness:
    """The VCU's box with a board of `boards/`. Raises ConfigError."""
    pins = _pins(board)
    try:
        return checked(box(read_description(BOARDS / board), pins))
    except DescriptionError as error:
        raise ConfigError(str(error)) from error


def loom_of(config: VehicleConfig, board: str | None = None) -> Harness:
    """The loom of a vehicle, with its own board or another one. Raises ConfigError."""
    light = has_light_outside(_pins(board or config.harness.board))
    return checked(loom(config, light=light))


def _pins(board: str) -> tuple[BoardPin, ...]:
    if board not in board_names():
        expected = ", ".join(board_names())
        raise ConfigError(f"board {board!r} is no folder of boards/; expected {expected}")
    try:
        return read_pins(BOARDS / board)
    except DescriptionError as error:
        raise ConfigError(str(error)) from error


def checked(harness: Harness) -> Harness:
    """Raises ConfigError with every breach of the rules."""
    found = breaches(harness)
    if found:
        raise ConfigError(f"harness {harness.title}: {'; '.join(found)}")
    return harness


def sources() -> dict[str, str]:
    """The text of each file by its name. Raises ConfigError."""
    found: dict[str, str] = {}
    for name in vehicle_names():
        found |= sheets(name, loom_of(load_vehicle(name)), f"hw/vehicles/{name}.toml")
    for board in drawn_boards():
        found |= sheets(f"vcu-box-{board}", box_of(board), f"boards/{board}")
    return found


def sheets(name: str, harness: Harness, origin: str) -> dict[str, str]:
    """The source of each drawing of a harness; `origin` is what its first line names."""
    return {
        f"{name}-{sheet}.yml": yaml(harness.on_sheet(sheet), origin) for sheet in harness.sheets()
    }
