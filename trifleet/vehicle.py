"""One virtual vehicle: a bus, its simulated nodes, and the board that runs the real firmware.

The only simulated thing that decides anything is the rider; who may unlock is the firmware's.
"""

import contextlib
import dataclasses
import threading
from pathlib import Path
from typing import Annotated

from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.supervisor import VirtualBoard
from fleet_backend.fleet.settings import Bounds, Port, load
from hw.model.route import load_routes
from hw.model.simulation import Simulation, SimulationSettings
from hw.vehicle_config import load_vehicle
from hw.virtual_bus import VirtualBus
from trifleet.keypad import Keypad
from trifleet.ports import LOOPBACK

_Number = Annotated[int, Bounds(0, 1_000_000)]


@dataclasses.dataclass(frozen=True)
class VehicleSettings:
    """What `trifleet board virtual --config FILE` reads."""

    image: Path  # the board's flash
    can_port: Port  # TCP port of the vehicle's bus, slcan
    configuration: str  # name of a file in hw/vehicles
    route: _Number  # number of a route in hw/model/streets.json
    state_file: Path  # where the vehicle stood and what its battery held
    tty_link: Path  # the board's terminal appears here
    keypad: Path | None = None  # a pipe: what is written to it is typed on the panel
    can_log: Path | None = None  # candump file
    reaction_s: Annotated[float, Bounds(0, 60)] = 0.4  # of the simulated rider
    seed: _Number = 1


def load_settings(path: Path) -> VehicleSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    return load(path, VehicleSettings)


def run(settings: VehicleSettings, stop: threading.Event) -> None:
    """Run until `stop`."""
    routes = load_routes()
    board = VirtualBoardSettings(
        settings.image, can_port=settings.can_port, tty_link=settings.tty_link
    )
    with (
        VirtualBus(LOOPBACK, port=settings.can_port, log=settings.can_log) as bus,
        Simulation(
            bus,
            load_vehicle(settings.configuration),
            routes[settings.route % len(routes)],
            seed=settings.seed,
            settings=SimulationSettings(reaction_s=settings.reaction_s),
            state_file=settings.state_file,
        ) as simulation,
        _keypad(settings.keypad, simulation),
        VirtualBoard(board),
    ):
        stop.wait()


def _keypad(path: Path | None, simulation: Simulation) -> contextlib.AbstractContextManager[object]:
    return Keypad(path, simulation.dash.press) if path else contextlib.nullcontext()
