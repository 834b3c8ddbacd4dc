"""`trifleet release rollout`: wave by wave, and stopped by failures."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trifleet.commands.common import (
    DEFAULT_DATA,
    Data,
    Json,
    Steps,
    log_to_stderr,
    print_table,
    stop_on_signals,
)

if TYPE_CHECKING:
    from trifleet.releases.fleet import FleetClient

app = typer.Typer(
    no_args_is_help=True, help="Bring a release to vehicles, in waves: docs/rollout.md."
)
Name = Annotated[str, typer.Argument(help="Of the roll-out: a-z 0-9 -.", show_default=False)]
Url = Annotated[str, typer.Option("--url", help="Of the API; else the stack that runs on --data.")]
Token = Annotated[
    Path | None, typer.Option("--token-file", help="The operator's token; else the one of --data.")
]
Key = Annotated[
    Path | None, typer.Option("--key", help="The owner's key file; else the one of --data.")
]


@app.command("start")
def start(
    name: Name,
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="NAME.tfr, published.", show_default=False)
    ],
    waves: Annotated[
        str, typer.Option(help="How many vehicles have it after each wave.")
    ] = "1,10%,100%",
    failures_most: Annotated[
        int, typer.Option(min=0, help="More rolled back or refused than this stop it.")
    ] = 0,
    vehicle: Annotated[
        list[str] | None,
        typer.Option("--vehicle", help="Only these, in this order; several times."),
    ] = None,
    data: Data = DEFAULT_DATA,
    url: Url = "",
    token: Token = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Begin a roll-out and carry it on until it has ended. Ctrl-C leaves it as it stands;
    `run` goes on. The owner's key signs one command for each vehicle, here and nowhere else.
    """
    from trifleet.releases.publish import read_bundle
    from trifleet.releases.waves import split

    found = read_bundle(bundle.resolve())
    fleet = _fleet(data, url, token)
    try:
        members = vehicle or sorted(fleet.vehicles())
        manifest = found.manifest
        body = {
            "digest": found.digest.hex(),
            "target": found.name,
            "board": manifest.board,
            "version": manifest.version,
            "number": manifest.number,
            "failures_most": failures_most,
            "waves": split(members, waves),
        }
        fleet.create(name, body)
        _run(fleet, name, data, url, key, as_json)
    finally:
        fleet.close()


@app.command("run")
def run(
    name: Name,
    data: Data = DEFAULT_DATA,
    url: Url = "",
    token: Token = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Carry a roll-out on that was begun, here or elsewhere."""
    fleet = _fleet(data, url, token)
    try:
        _run(fleet, name, data, url, key, as_json)
    finally:
        fleet.close()


@app.command("pause")
def pause(name: Name, data: Data = DEFAULT_DATA, url: Url = "", token: Token = None) -> None:
    """No further vehicle is asked; what a vehicle installs now, it installs."""
    _change(name, "paused", data, url, token)


@app.command("resume")
def resume(name: Name, data: Data = DEFAULT_DATA, url: Url = "", token: Token = None) -> None:
    """Go on after a pause; `run` has to carry it on."""
    _change(name, "running", data, url, token)


@app.command("stop")
def stop(name: Name, data: Data = DEFAULT_DATA, url: Url = "", token: Token = None) -> None:
    """End it for good. Vehicles that have the release keep it."""
    _change(name, "stopped", data, url, token)


@app.command("status")
def status(
    name: Annotated[str, typer.Argument(help="Of one roll-out; without it all.")] = "",
    data: Data = DEFAULT_DATA,
    url: Url = "",
    token: Token = None,
    as_json: Json = False,
) -> None:
    """How far it is, and why vehicles wait."""
    fleet = _fleet(data, url, token)
    try:
        found: Any = fleet.rollout(name) if name else fleet.rollouts()
    finally:
        fleet.close()
    if as_json:
        print(json.dumps(found))
    elif name:
        print(f"{name}: {found['version']}, {_state(found)}")
        _table(found["vehicles"], ("vehicle", "wave", "shown", "reason", "recorded"))
    else:
        _table(found, ("id", "version", "number", "state", "wave", "waves", "reason"))


def _run(fleet: "FleetClient", name: str, data: Path, url: str, key: Path | None, js: bool) -> None:
    from fleet_backend.fleet.keys import load_rsa
    from trifleet.client import HolderKey, RiderClient
    from trifleet.layout import Layout
    from trifleet.releases.rollout import Rollout

    log_to_stderr(logging.WARNING)
    stopped = stop_on_signals()
    owner = load_rsa(key or Layout(data.resolve()).owner_key)
    rider = RiderClient(url or address_of(data), HolderKey(owner))
    steps = Steps(js)
    try:
        found = Rollout(fleet, rider, name, steps.say).run(stopped)
    finally:
        rider.close()
    steps.say(name, _state(found))
    if found["state"] == "stopped":
        raise typer.Exit(1)


def _change(name: str, state: str, data: Path, url: str, token: Path | None) -> None:
    fleet = _fleet(data, url, token)
    try:
        print(f"{name}: {_state(fleet.change(fleet.rollout(name), state))}")
    finally:
        fleet.close()


def _fleet(data: Path, url: str, token: Path | None) -> "FleetClient":
    from trifleet.errors import InstallationError
    from trifleet.layout import Layout
    from trifleet.releases.fleet import FleetClient

    path = token or Layout(data.resolve()).operator_token
    try:
        secret = path.read_text("ascii").strip()
    except OSError as error:
        raise InstallationError(f"{path}: {error.strerror}; name it with --token-file") from error
    return FleetClient(url or address_of(data), secret)


def address_of(data: Path) -> str:
    """Where the stack of this folder runs now. Raises InstallationError."""
    from trifleet.errors import InstallationError
    from trifleet.layout import Layout

    try:
        return str(json.loads(Layout(data.resolve()).run_file.read_text())["address"])
    except (OSError, ValueError, KeyError) as error:
        raise InstallationError(f"no stack runs on {data}: name its API with --url") from error


def _state(found: dict[str, Any]) -> str:
    why = f": {found['reason']}" if found["reason"] else ""
    return f"{found['state']}, wave {found['wave']} of {found['waves']}{why}"


def _table(items: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    rows = (tuple("" if one[key] is None else str(one[key]) for key in columns) for one in items)
    print_table(columns, rows)
