"""One virtual vehicle: a bus, its simulated nodes, and the board that runs the real firmware.

The only simulated thing that decides anything is the rider; who may unlock is the firmware's.
"""

import dataclasses
import threading
from pathlib import Path

from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.supervisor import VirtualBoard
from hw.model.route import load_routes
from hw.model.simulation import Simulation, SimulationSettings
from hw.vehicle_config import load_vehicle
from hw.virtual_bus import VirtualBus
from trifleet.ports import LOOPBACK


@dataclasses.dataclass(frozen=True)
class VehicleSettings:
    """What `trifleet board virtual --config FILE` reads."""

    image: Path  # the board's flash
    can_port: int  # TCP port of the vehicle's bus, slcan
    configuration: str  # name of a file in hw/vehicles
    route: int  # number of a route in hw/model/streets.json
    state_file: Path  # where the vehicle stood and what its battery held
    tty_link: Path  # the board's terminal appears here
    can_log: str = ""  # candump file; none where empty
    reaction_s: float = 0.4  # of the simulated rider
    seed: int = 1


def run(settings: VehicleSettings, stop: threading.Event) -> None:
    """Run until `stop`."""
    routes = load_routes()
    board = VirtualBoardSettings(
        settings.image, can_port=settings.can_port, tty_link=settings.tty_link
    )
    log = Path(settings.can_log) if settings.can_log else None
    with (
        VirtualBus(LOOPBACK, port=settings.can_port, log=log) as bus,
        Simulation(
            bus,
            load_vehicle(settings.configuration),
            routes[settings.route % len(routes)],
            seed=settings.seed,
            settings=SimulationSettings(reaction_s=settings.reaction_s),
            state_file=settings.state_file,
        ),
        VirtualBoard(board),
    ):
        stop.wait()
