"""Back to the application in the other slot, if it is sound, by taking the seal of the one that
runs. Power that goes meanwhile leaves the one or the other."""

from __future__ import annotations

from workbench.bench import Bench, on_bench
from workbench.errors import RollbackError
from workbench.identify import running_slot
from workbench.romfs import Sealed
from workbench.running import await_software
from workbench.slots import SLOTS


def rollback(port: str, *, confirm: bool = True) -> Sealed:
    """Returns what runs now. Raises RollbackError where there is nothing to go back to, and then
    nothing was written; NotRunningError where `confirm` and the other one does not answer."""
    with on_bench(port) as bench:
        other = roll_back(bench)
    if confirm:
        await_software(port, other.body)
    return other


def roll_back(bench: Bench) -> Sealed:
    """The next start runs the other one."""
    slots = bench.slots()
    sealed = [slots.sealed(number) for number in SLOTS]
    runs = running_slot(bench, sealed)
    if runs is None:
        raise RollbackError(f"{bench.repl.port}: neither slot holds an application")
    other = sealed[1 - runs]
    if other is None:
        raise RollbackError(
            f"{bench.repl.port}: the slot that does not run holds no sound application"
        )
    # Without its seal it is no application. What it held is written anew when it is flashed.
    slots.clear(runs)
    return other
