"""`trifleet vehicle`: configurations, checked as a whole, and what a vehicle is built of."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import Json, print_table

if TYPE_CHECKING:
    from hw.vehicle_schema import VehicleConfig

app = typer.Typer(no_args_is_help=True, help="Configurations of vehicles, and their parts.")
Name = Annotated[
    str,
    typer.Argument(
        metavar="VEHICLE",
        help="A name from `trifleet vehicle list`, or the path of a TOML file.",
        show_default=False,
    ),
]
Board = Annotated[
    str | None,
    typer.Option("--board", help="Another board than the vehicle's own; a folder of boards/."),
]


@app.command("list")
def list_vehicles(as_json: Json = False) -> None:
    """Show the vehicles that come with the project."""
    from hw.vehicle_config import load_vehicle, vehicle_names

    configs = [load_vehicle(name) for name in vehicle_names()]
    if not as_json:
        titles = ("vehicle", "layout", "body", "kg", "laden", "motors", "packs", "board")
        print_table(titles, (_row(config) for config in configs))
        return
    for config in configs:
        row = {
            "name": config.name,
            "layout": config.layout,
            "body": config.body.kind,
            "kerb_kg": config.mass.kerb_kg,
            "payload_kg": config.mass.payload_kg,
            "motors": len(config.motors),
            "power_w": sum(motor.power_w for motor in config.motors),
            "packs": len(config.packs),
            "capacity_ah": sum(pack.capacity_ah for pack in config.packs),
            "board": config.harness.board,
        }
        print(json.dumps(row))


def _row(config: "VehicleConfig") -> tuple[object, ...]:
    motor, pack, mass = config.motors[0], config.packs[0], config.mass
    return (
        config.name,
        config.layout,
        config.body.kind,
        f"{mass.kerb_kg:.0f}",
        f"{mass.kerb_kg + mass.payload_kg:.0f}",
        f"{len(config.motors)} x {motor.power_w / 1000:g} kW",
        f"{len(config.packs)} x {pack.capacity_ah:g} Ah",
        config.harness.board,
    )


@app.command("check")
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VEHICLE]...",
            help="Names, or paths of TOML files; without any, all that come with the project.",
            show_default=False,
        ),
    ] = None,
    board: Board = None,
) -> None:
    """Check configurations: the numbers, the harness with its board, the firmware's file.

    What is wrong is named with file and line, and the exit status is 1.
    """
    from hw.harness.sources import box_of, loom_of
    from hw.parts import vehicle_argument
    from hw.vehicle_config import load_vehicle, vehicle_names
    from trifleet.vehicle_file import config_file

    for name in names or vehicle_names():
        config = load_vehicle(vehicle_argument(name))
        loom, box = loom_of(config, board), box_of(board or config.harness.board)
        size = len(config_file(config))
        wires = sum(len(cable.wires) for cable in (*loom.cables, *box.cables))
        print(f"{config.name}: right; {wires} wires, firmware's file {size} bytes")


@app.command("parts")
def parts(
    name: Name,
    board: Board = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="A Markdown table.")] = False,
    as_json: Json = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file instead of the terminal.")
    ] = None,
) -> None:
    """List what a vehicle is built of: devices, fuses, plugs, cables by length and cross-section.

    Frame, wheels, brakes and bodywork are not in it.
    """
    from hw.parts import COLUMNS, parts_list, vehicle_argument
    from hw.parts import as_csv as csv_of
    from hw.parts import as_markdown as markdown_of
    from hw.vehicle_config import load_vehicle
    from trifleet.errors import UsageError

    if as_csv + as_markdown + as_json > 1:
        raise UsageError("--csv, --md and --json: choose one")
    items = parts_list(load_vehicle(vehicle_argument(name)), board)
    if out is None and not (as_csv or as_markdown or as_json):
        print_table(COLUMNS, (item.row for item in items))
        return
    rows = (json.dumps(dict(zip(COLUMNS, item.row, strict=True))) + "\n" for item in items)
    text = markdown_of(items) if as_markdown else "".join(rows) if as_json else csv_of(items)
    if out is None:
        print(text, end="")
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{out} is there already: choose another name") from error


@app.command("compile")
def compile_all(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="A new folder.", show_default=False)],
    board: Board = None,
) -> None:
    """Write everything that follows from a configuration: the file for the board, the parts list,
    the picture, and the harness (drawn, where WireViz is installed).
    """
    from hw.parts import vehicle_argument
    from trifleet.vehicle_folder import compile_vehicle

    for file in compile_vehicle(vehicle_argument(name), out, board):
        print(out / file)
