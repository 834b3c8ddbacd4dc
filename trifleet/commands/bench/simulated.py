"""A vehicle for --sim: a virtual board whose bolt moves, on a bus with the other nodes."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMAGE = "flash.img"
NEVER_S = 86_400.0
_PUT_DOWN_S = 3.0
SUPPLY = 41_700  # of 65,535: 12.6 V behind the divider


@dataclass(frozen=True)
class Simulated:
    """Where it is reached: its serial port, and its bus as workbench/uds/bus.py takes it."""

    port: str
    channel: str


@contextlib.contextmanager
def simulated_board(folder: Path) -> Iterator[Simulated]:
    """Started when this begins. The board is kept in `folder`."""
    from boards.virtual import VirtualBoard, VirtualBoardSettings
    from hw.model.route import load_routes
    from hw.model.simulation import Simulation, SimulationSettings
    from hw.vehicle_config import load_vehicle
    from hw.virtual_bus import VirtualBus
    from trifleet.layout import make_folder
    from trifleet.ports import LOOPBACK

    # What it notes of itself, as that Ctrl-C ended its interpreter, is not about the vehicle.
    logging.getLogger("boards.virtual").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        make_folder(folder)
        bus = stack.enter_context(VirtualBus(LOOPBACK))
        vehicle = load_vehicle("delta-passenger")
        # Nobody sits on it: a vehicle that is unlocked on the bench stays where it is.
        standing = SimulationSettings(reaction_s=NEVER_S)
        stack.enter_context(Simulation(bus, vehicle, load_routes()[0], settings=standing))
        settings = VirtualBoardSettings(
            folder / IMAGE, can_port=bus.port, wires={"LOCK_SENSE": "LOCK"}
        )
        board = stack.enter_context(VirtualBoard(settings))
        stack.callback(_put_down, board.tty)
        board.set_analog("VSENSE", SUPPLY)
        yield Simulated(board.tty, f"socket://{LOOPBACK}:{bus.port}")


def _put_down(port: str) -> None:
    """Takes the board over before its power goes, or the start that the command left it in would
    count as one that did not last; after a few commands in a row the application stayed away."""
    from workbench.errors import WorkbenchError
    from workbench.raw_repl import RawRepl

    with contextlib.suppress(WorkbenchError), RawRepl(port) as repl:
        repl.enter(timeout_s=_PUT_DOWN_S)
