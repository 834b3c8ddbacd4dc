"""`trifleet notary`: a workshop, or who makes releases, that signs documents for the ledger."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands import enrolment
from trifleet.commands.common import DEFAULT_DATA, Data, Json, log_to_stderr, print_table

if TYPE_CHECKING:
    from trifleet.notary.notary import Notary

app = typer.Typer(
    no_args_is_help=True,
    help="Signs work orders and releases, offline, and sends them to the ledger.",
)
Folder = Annotated[Path, typer.Option("--folder", help="The notary's folder.")]
Url = Annotated[str, typer.Argument(help="Of the API: https://host.", show_default=False)]
Number = Annotated[int, typer.Argument(min=0, help="Of the statement: see `status`.")]


@app.callback()
def group() -> None:
    """Signs work orders and releases, offline, and sends them to the ledger."""


@app.command("invite")
def invite(
    name: Annotated[str, typer.Argument(help="The notary's name: a-z 0-9 -.", show_default=False)],
    hours: Annotated[int, typer.Option(help="How long the code is good.")] = 24,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a one-time code for a new notary: this once, it is kept nowhere.

    `trifleet gateway invitations`, `uninvite`, `revoke` and `keys` are for notaries as well.
    """
    from fleet_backend.fleet.gateways import NOTARY
    from protocol.enrolment import show_code

    found = enrolment.open_invitations(data)
    enrolment.check_unknown(data, name)
    code = found.invite(name, (), hours, int(time.time()), kind=NOTARY)
    print(show_code(code))
    print(f"{name}: good for {hours} h, once; type it at `trifleet notary enrol`", file=sys.stderr)


@app.command("enrol")
def enrol(url: Url, folder: Folder) -> None:
    """Make this notary's keys here, and get its name and certificate for a code that is asked for
    (on a pipe: the first line). After an interruption the same again goes on."""
    from edge_gateway.enrol_carrier import HttpCarrier
    from protocol.enrolment import read_code
    from trifleet.notary.enrolling import enrol_notary

    carrier = HttpCarrier(url)
    name = enrol_notary(folder.resolve(), url, read_code(enrolment.typed_code()), carrier)
    print(f"{name}: enrolled; it signs by `trifleet bench` and `trifleet release log`")


@app.command("renew")
def renew(url: Url, folder: Folder) -> None:
    """Another year for this notary's certificate, where less than 30 days are left."""
    from edge_gateway import renewal
    from edge_gateway.enrol_carrier import HttpCarrier
    from trifleet.notary.notary import open_notary

    with open_notary(folder) as notary:
        tls = notary.settings.mqtt.tls
        assert tls is not None  # who was enrolled has a certificate
        own = renewal.Own(notary.name, notary.key, tls)
        done = renewal.renew(own, HttpCarrier(url))
        print(f"{notary.name}: {'renewed' if done else 'more than 30 days are left'}")


@app.command("status")
def status(folder: Folder, as_json: Json = False) -> None:
    """What this notary signed, and what became of it."""
    from trifleet.notary.notary import open_notary

    with open_notary(folder) as notary:
        rows = _rows(notary)
        if as_json:
            for row in rows:
                print(json.dumps(row))
            return
        titles = ("number", "kind", "about", "signed", "state")
        print_table(titles, ([row[title] for title in titles] for row in rows))
        waiting = notary.outbox.count()
        print(f"{notary.name}: {waiting} wait" + (" (`trifleet notary send`)" if waiting else ""))


@app.command("send")
def send(
    folder: Folder,
    url: Annotated[str, typer.Option(help="Of the API, if it has another by now.")] = "",
    wait: Annotated[float, typer.Option(min=1, max=3600, help="Seconds.")] = 60.0,
) -> None:
    """Send what waits, and fetch and check the receipts. Exit status 20: something waits still."""
    from trifleet.notary import sending
    from trifleet.notary.notary import open_notary

    log_to_stderr()
    with open_notary(folder) as notary:
        done = sending.send(notary, url, wait)
        print(f"{notary.name}: {done.statements} sent, {done.receipts} receipts fetched")


@app.command("receipt")
def receipt(
    number: Number,
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", help="Where it shall be; new.")],
) -> None:
    """Write the receipt of a statement, for `trifleet ledger verify`."""
    from trifleet.errors import UsageError
    from trifleet.notary.errors import WaitingError
    from trifleet.notary.notary import open_notary

    with open_notary(folder) as notary:
        found = notary.archive.get(number).receipt
    if not found:
        raise WaitingError(f"statement {number} has no receipt yet: `trifleet notary send` first")
    try:
        with out.open("xb") as file:
            file.write(found)
    except FileExistsError as error:
        raise UsageError(f"{out} is there already: choose another name") from error
    print(out)


@app.command("forget")
def forget(number: Number, folder: Folder) -> None:
    """Delete here what a statement says, the mechanic's name with it. That it was signed stays.

    The backend's copy goes after its own time (docs/privacy.md).
    """
    from trifleet.notary.notary import open_notary

    with open_notary(folder) as notary:
        notary.archive.forget(number)
    print(f"statement {number}: forgotten here")


def _rows(notary: "Notary") -> list[dict[str, object]]:
    from protocol.statement import KINDS
    from trifleet.notary.about import about
    from trifleet.notary.archive import STATES

    rows: list[dict[str, object]] = []
    for one in notary.kept():
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.time)) if one.time else "-"
        state = "receipt" if one.receipt else STATES[one.state]
        row = {"number": one.seq, "kind": KINDS[one.kind], "about": about(one), "signed": when}
        rows.append(row | {"state": state})
    return rows
