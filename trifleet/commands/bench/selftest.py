"""`trifleet bench selftest`: every part of the board, and of the vehicle around it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.options import AsJson, Options, Port, Sim, SimFolder, Yes
from trifleet.commands.bench.session import Session, at_bench

if TYPE_CHECKING:
    from workbench.selftest import SelfTest

InVehicle = Annotated[
    bool,
    typer.Option("--in-vehicle", help="The board is in its vehicle: what cannot be tested fails."),
]
MOVES = "The bolt will move. Are hands and wheels clear of it?"


def selftest(
    in_vehicle: InVehicle = False,
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Test the board: flash, clock, random numbers, supply, CAN, the nodes, bolt and panel.

    The vehicle does not drive meanwhile; the bolt moves in and out twice.
    """
    from workbench.selftest import self_test

    options = Options(port, as_json, sim=sim, sim_folder=sim_folder, yes=yes)
    with at_bench("selftest", options) as session:
        check_clear(session)
        found = self_test(
            session.port(),
            fitted=fitted(in_vehicle),
            panel_seen=panel_seen(session),
            sink=session.sink,
        )
        session.values |= as_values(found)
        found.check()


def fitted(in_vehicle: bool) -> frozenset[str]:
    """The steps that must be possible."""
    from workbench.selftest import IN_VEHICLE

    return IN_VEHICLE if in_vehicle else frozenset()


def check_clear(session: Session) -> None:
    """Before anything moves. Raises UsageError where the mechanic says no."""
    from trifleet.errors import UsageError

    if not session.options.sim and not session.confirm(MOVES):
        raise UsageError("not begun: the bolt is not clear")


def panel_seen(session: Session) -> Callable[[], bool] | None:
    """Asks the mechanic what only a person sees; nobody is asked with --yes or --sim."""
    if session.options.yes or session.options.sim:
        return None
    return lambda: session.confirm("Did the panel show 888?")


def as_values(found: "SelfTest") -> dict[str, object]:
    """For the result."""
    from workbench.selftest import RESULT_NAMES

    steps = [
        {
            "number": step.number,
            "name": step.name,
            "result": RESULT_NAMES[step.result],
            "value": step.value,
            "unit": step.unit,
        }
        for step in found.steps
    ]
    return {"steps": steps, "failed": list(found.failed)}
