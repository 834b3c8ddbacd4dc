"""`trifleet certificates`: who may speak to the broker. A running stack follows within a second."""

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from trifleet.certificates.authority import Authority
    from trifleet.certificates.files import Party

app = typer.Typer(no_args_is_help=True, help="Certificates of gateways, programs and the broker.")

Name = Annotated[str, typer.Argument(help="Of a gateway, or ingest, ingest-2 to -16, api, broker.")]
Into = Annotated[
    Path | None, typer.Option("--into", help="Folder for the files; else where the stack's lie.")
]


@app.command("list")
def list_certificates(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """What was issued: name, use, serial number, last day, and whether it is good."""
    now = int(time.time())
    for entry in _authority(data).entries():
        state = "revoked" if entry.revoked else "good" if entry.good_at(now) else "over"
        until = time.strftime("%Y-%m-%d", time.gmtime(entry.ends))
        if as_json:
            row = {"name": entry.name, "use": entry.use, "serial": f"{entry.serial:x}"}
            print(json.dumps({**row, "ends": entry.ends, "state": state}))
        else:
            print(f"{entry.name:32}  {entry.use:8}  {until}  {state:8}  {entry.serial:x}")


@app.command()
def issue(
    name: Name,
    data: Data = DEFAULT_DATA,
    into: Into = None,
    request: Annotated[
        Path | None,
        typer.Option("--request", help="PKCS #10 request (PEM): the private key stays elsewhere."),
    ] = None,
) -> None:
    """A new key and certificate, or one for a request; what the name had before is revoked."""
    from trifleet.certificates import files

    authority, party = _party(data, name, into)
    if request is None:
        files.replace_key(authority, party)
        print(f"{name}: {party.certificate_file}, {party.private_key_file}, {party.ca_file}")
        return
    made = files.answer_request(authority, party, request.read_bytes())
    print(f"{name}: {made}, {party.ca_file}")


@app.command()
def renew(name: Name, data: Data = DEFAULT_DATA, into: Into = None) -> None:
    """A certificate for another year, for the same key."""
    from trifleet.certificates import files

    authority, party = _party(data, name, into)
    files.check_not_revoked(authority, party)
    files.renew(authority, party)
    print(f"{name}: {party.certificate_file}")


@app.command()
def revoke(name: Name, data: Data = DEFAULT_DATA) -> None:
    """Take back every certificate of a name: it is cut off, and does not get in again."""
    from trifleet.certificates.errors import CertificateError

    gone = _authority(data).revoke(name)
    if not gone:
        raise CertificateError(f"{name} has no certificate that is good")
    print(f"{name}: revoked {', '.join(f'{one.serial:x}' for one in gone)}")


def _authority(data: Path) -> "Authority":
    from trifleet.layout import Layout
    from trifleet.transport import open_authority

    return open_authority(Layout(data.resolve()))


def _party(data: Path, name: str, into: Path | None) -> "tuple[Authority, Party]":
    from trifleet.certificates.authority import checked_name
    from trifleet.layout import Layout
    from trifleet.transport import party_of

    authority = _authority(data)
    party = party_of(Layout(data.resolve()), checked_name(name))
    return authority, party if into is None else dataclasses.replace(party, folder=into.resolve())
