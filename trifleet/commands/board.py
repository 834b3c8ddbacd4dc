"""`trifleet board`: boards that need no hardware."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Config, Data, log_to_stderr, stop_on_signals

app = typer.Typer(no_args_is_help=True, help="Boards; the virtual one needs no hardware.")


@app.callback()
def group() -> None:
    """Boards; the virtual one needs no hardware."""


@app.command("list")
def list_boards(
    as_json: Annotated[bool, typer.Option("--json", help="One object a board.")] = False,
) -> None:
    """The boards of boards/, and how much of its room the application of this checkout takes."""
    import json

    from boards.tables import read_boards, size
    from trifleet.commands.common import print_table
    from workbench.application import collect_application
    from workbench.room import needed, room

    files = collect_application(Path(__file__).resolve().parents[2])
    found = [(board, room(board), needed(board, files)) for board, _ in read_boards()]
    if as_json:
        for board, most, taken in found:
            row = {"board": board.name, "status": board.status, "can": board.can.controller}
            row |= {"radio": board.radio}
            print(json.dumps({**row, "room_bytes": most, "application_bytes": taken}))
        return
    print_table(
        ("board", "status", "CAN", "radio", "room", "application"),
        (
            (
                board.name,
                board.status,
                board.can.controller,
                board.radio or "none",
                size(most),
                f"{size(taken)}, {100 * taken // most} %",
            )
            for board, most, taken in found
        ),
    )


@app.command("virtual")
def virtual(config: Config) -> None:
    """Run one virtual vehicle: its bus, its simulated nodes, and the firmware in MicroPython."""
    from trifleet import vehicle

    log_to_stderr()
    vehicle.run(vehicle.load_settings(config), stop_on_signals())


@app.command("registration")
def registration(
    identity: Annotated[
        Path, typer.Argument(help="The file `identity` of a provisioned board.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the registration shall be; new.")],
) -> None:
    """What the fleet has to know of a vehicle, for `trifleet gateway invite --vehicle-file`.

    It holds the key of the vehicle's records, not the vehicle's own. Bring it to the backend by
    hand, and delete it there when the gateway is enrolled.
    """
    from fleet_backend.registrar.registrations import Registration, encode
    from trifleet.errors import UsageError
    from trifleet.layout import write_private
    from workbench.identity import check_identity, decode_identity, key_fingerprint, record_key

    if out.exists():
        raise UsageError(f"{out} is there already: choose another name")
    found = decode_identity(identity.read_bytes())
    check_identity(found)
    derived = record_key(found.vehicle_key), key_fingerprint(found.vehicle_key)
    write_private(out, encode(Registration(found.vehicle, found.owner_thumbprint, *derived)))
    print(f"{found.vehicle}: {out}, as secret as a private key")


@app.command("type")
def type_on_panel(
    vehicle: Annotated[str, typer.Argument(help="Name of a simulated vehicle that runs.")],
    data: Data = DEFAULT_DATA,
    keys: Annotated[
        str | None,
        typer.Option(
            help="Digits, with spaces as you like; c is Clear; Enter is pressed at the end. "
            "Asked for if left out, so that a code stands in no history.",
        ),
    ] = None,
    watch: Annotated[float, typer.Option(min=0, max=120, help="Seconds to show the panel.")] = 8.0,
    language: Annotated[str, typer.Option(help="en or fr.")] = "en",
) -> None:
    """Type on the panel of a simulated vehicle, as a rider beside it, and show what it shows."""
    from trifleet.errors import KeypadError
    from trifleet.keypad import type_keys
    from trifleet.layout import Layout
    from trifleet.panel import LANGUAGES, watch_panel
    from trifleet.vehicle import load_settings

    if language not in LANGUAGES:
        raise KeypadError(f"the panel speaks {' and '.join(LANGUAGES)}, not {language}")
    layout = Layout(data.resolve())
    if not layout.board(vehicle).exists():
        raise KeypadError(
            f"{layout.root} has no simulated vehicle {vehicle}; `trifleet run` makes them"
        )
    port = load_settings(layout.board(vehicle)).can_port
    if keys is None:
        keys = str(typer.prompt("Keys", default="", show_default=False))
    pressed = "".join(keys.split()) + "\n"
    begin = lambda: type_keys(layout.keypad(vehicle), pressed)  # noqa: E731
    for words in watch_panel(port, watch, language, begin):
        print(words, flush=True)
