"""`trifleet gateway invite`, `enrol` and so on: how a gateway comes into the fleet.

The code is printed once and typed once; it is never an argument, where others see it.
"""

import getpass
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Config, Data, Json, print_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fleet_backend.registrar.invitations import Invitation, Invitations

Name = Annotated[str, typer.Argument(help="The gateway's name: a-z 0-9 -.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """As subcommands of `trifleet gateway`."""
    app.command("invite")(invite)
    app.command("invitations")(invitations)
    app.command("uninvite")(uninvite)
    app.command("enrol")(enrol)
    app.command("renew")(renew)
    app.command("revoke")(revoke)
    app.command("keys")(keys)


def invite(
    name: Name,
    vehicle: Annotated[
        list[str], typer.Option("--vehicle", help="Behind this gateway; may be repeated.")
    ],
    vehicle_file: Annotated[
        list[Path] | None,
        typer.Option(help="Of a vehicle that is new in the fleet: `trifleet board registration`."),
    ] = None,
    hours: Annotated[int, typer.Option(help="How long the code is good.")] = 24,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a one-time code for a new gateway: this once, it is kept nowhere.

    Its vehicles come into the fleet with it, or move to it from a gateway that was revoked.
    """
    from fleet_backend.registrar import registrations
    from protocol import enrolment

    found = open_invitations(data)
    brought = [registrations.read(path) for path in vehicle_file or ()]
    check_unknown(data, name)
    _check_vehicles(data, name, vehicle, {one.vehicle for one in brought})
    code = found.invite(name, vehicle, hours, int(time.time()), brought)
    print(enrolment.show_code(code))
    print(f"{name}: good for {hours} h, once; type it at `trifleet gateway enrol`", file=sys.stderr)


def invitations(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """What was given out: for which gateway, until when, and what became of it."""
    now = int(time.time())
    found = open_invitations(data).all()
    wrong = _wrong_codes(data)
    if as_json:
        rows = [_row(one, now) for one in found]
        print(json.dumps({"invitations": rows, "wrong_codes": wrong}))
        return
    shown = [
        (
            one.gateway,
            " ".join(one.vehicles),
            time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.expires)),
            one.state(now),
            one.wrong,
        )
        for one in found
    ]
    print_table(("gateway", "vehicles", "until", "state", "wrong tries"), shown)
    print(f"requests with a wrong code so far: {wrong}")


def _row(one: "Invitation", now: int) -> dict[str, object]:
    """Nothing that was derived from the code."""
    return {
        "gateway": one.gateway,
        "vehicles": list(one.vehicles),
        "expires": one.expires,
        "state": one.state(now),
        "wrong": one.wrong,
    }


def uninvite(name: Name, data: Data = DEFAULT_DATA) -> None:
    """Take a code back. A gateway that was enrolled with it stays."""
    open_invitations(data).uninvite(name)
    print(f"{name}: no code is good any more")


def enrol(
    url: Annotated[str, typer.Argument(help="Of the API: https://host.", show_default=False)],
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the gateway's files shall be; new or empty.")
    ],
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Bus of each vehicle: can0, or socket://host:port."),
    ] = None,
) -> None:
    """Make this gateway's keys here, and get its name and certificate for a code that is asked for
    (on a pipe: the first line). After an interruption the same again goes on."""
    from edge_gateway.enrol import Plan
    from edge_gateway.enrol import enrol as enrol_gateway
    from edge_gateway.enrol_carrier import HttpCarrier
    from protocol import enrolment

    carrier = HttpCarrier(url)
    code = enrolment.read_code(typed_code())
    buses = tuple(_bus(one) for one in channel or [f"can{n}" for n in range(16)])
    name = enrol_gateway(Plan(folder.resolve(), buses), code, carrier)
    print(f"{name}: enrolled; run it with: trifleet gateway --config {folder}/gateway.toml")


def renew(
    url: Annotated[str, typer.Argument(help="Of the API: https://host.", show_default=False)],
    config: Config,
) -> None:
    """Another year for this gateway's certificate, where less than 30 days are left. For a daily
    timer; the running gateway takes it at its next connection."""
    from edge_gateway import renewal
    from edge_gateway.enrol_carrier import HttpCarrier
    from edge_gateway.errors import EnrolError
    from edge_gateway.key_rotation import current_key
    from edge_gateway.settings import load

    settings = load(config)
    if settings.mqtt.tls is None:
        raise EnrolError(f"{config}: a gateway without certificates has none to renew")
    own = renewal.Own(settings.gateway, current_key(settings), settings.mqtt.tls)
    done = renewal.renew(own, HttpCarrier(url))
    print(f"{settings.gateway}: {'renewed' if done else 'more than 30 days are left'}")


def revoke(name: Name, data: Data = DEFAULT_DATA) -> None:
    """For good: nothing that the gateway signs is accepted any more, and the broker cuts it off.

    What was accepted before stays. Safe to repeat after an interruption.
    """
    from trifleet.revocation import revoke_gateway

    print(revoke_gateway(data.resolve(), name))


def keys(name: Name, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """The keys of a gateway's statements: from which number on, and where the log says so."""
    from fleet_backend.fleet import gateway_keys
    from fleet_backend.fleet.errors import UnknownError

    with _reading(data) as connection:
        found = gateway_keys.history(connection, name)
    if not found:
        raise UnknownError(f"no gateway {name!r}")
    for one in found:
        if as_json:
            row = {"first_seq": one.first_seq, "public_key": one.public_key.hex()}
            print(json.dumps({**row, "entry": one.leaf_index}))
            continue
        entry = "-" if one.leaf_index is None else str(one.leaf_index)
        print(f"from statement {one.first_seq:<10} entry {entry:<10} {one.public_key.hex()}")


def typed_code() -> str:
    """The one-time code, which is never an argument."""
    if sys.stdin.isatty():
        return getpass.getpass("One-time code: ")
    return sys.stdin.readline(200)


def _bus(channel: str) -> tuple[str, str]:
    return ("slcan" if channel.startswith("socket://") else "socketcan", channel)


def open_invitations(data: Path) -> "Invitations":
    """Of the installation in this folder. Raises InstallationError where there is none."""
    from fleet_backend.registrar.invitations import Invitations
    from trifleet.installation import origin
    from trifleet.layout import Layout

    layout = Layout(data.resolve())
    origin(layout)  # raises InstallationError where there is none
    return Invitations(layout.invitations)


def check_unknown(data: Path, name: str) -> None:
    """A gateway that is there keeps its key: the code would be refused."""
    from fleet_backend.fleet import gateways
    from trifleet.errors import InstallationError

    with _reading(data) as connection:
        known = gateways.find(connection, name)
    if known is not None:
        raise InstallationError(f"{name} is in the fleet already: choose another name")


def _check_vehicles(data: Path, gateway: str, names: list[str], brought: set[str]) -> None:
    """Raises InstallationError for what the registrar would refuse."""
    from fleet_backend.fleet import vehicles
    from trifleet.errors import InstallationError

    with _reading(data) as connection:
        for name in names:
            known = vehicles.find(connection, name)
            if known is not None and not vehicles.may_assign(connection, known, gateway):
                raise InstallationError(
                    f"{name} belongs to {known.gateway}: a vehicle moves when its gateway was"
                    f" revoked (`trifleet gateway revoke {known.gateway}`)"
                )
            if known is not None and name in brought:
                raise InstallationError(f"{name} is in the fleet already: leave its file out")
            if known is None and name not in brought:
                print(
                    f"{name} is not registered, so its records will be set aside: invite again"
                    " with its --vehicle-file, from `trifleet board registration`",
                    file=sys.stderr,
                )


def _wrong_codes(data: Path) -> int:
    from fleet_backend.fleet import counters
    from fleet_backend.registrar.worker import WRONG_CODES

    with _reading(data) as connection:
        return counters.values(connection).get(WRONG_CODES, 0)


@contextmanager
def _reading(data: Path) -> "Iterator[Connection]":
    from fleet_backend.fleet.database import open_database
    from trifleet.layout import Layout

    with closing(open_database(Layout(data.resolve()).database_url)) as database:
        database.check_schema()
        with database.read() as connection:
            yield connection
