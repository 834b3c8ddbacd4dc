"""`trifleet board`: boards that need no hardware."""

import typer

from trifleet.commands.common import Config, log_to_stderr, stop_on_signals

app = typer.Typer(no_args_is_help=True, help="Boards; the virtual one needs no hardware.")


@app.callback()
def group() -> None:
    """Boards; the virtual one needs no hardware."""


@app.command("virtual")
def virtual(config: Config) -> None:
    """Run one virtual vehicle: its bus, its simulated nodes, and the firmware in MicroPython."""
    from trifleet import vehicle

    log_to_stderr()
    vehicle.run(vehicle.load_settings(config), stop_on_signals())
