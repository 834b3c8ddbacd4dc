"""`trifleet certificates`: who may speak to the broker. A running stack follows within a second."""

import dataclasses
import json
import time
from collections.abc import Callable
from enum import StrEnum
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


class Step(StrEnum):
    """Of a change of the authority."""

    STATUS = "status"
    BEGIN = "begin"
    SWITCH = "switch"
    FINISH = "finish"


@app.command("rotate-authority")
def rotate_authority(
    step: Annotated[Step, typer.Argument(help="In this order; status changes nothing.")],
    data: Data = DEFAULT_DATA,
    force: Annotated[
        bool, typer.Option("--force", help="Though somebody is locked out until he renews.")
    ] = False,
) -> None:
    """Another root for all certificates, with a time in which two are trusted.

    begin: the new one is made and everybody comes to trust it. switch: it signs, and certificates
    are renewed. finish: the old one is withdrawn. A running stack follows within seconds, remote
    gateways with their daily timer.
    """
    from trifleet.certificates import rotation

    authority = _authority(data)
    if step is Step.BEGIN:
        rotation.begin(authority)
    elif step is Step.SWITCH:
        rotation.switch(authority, _holds_new(data, authority), force=force)
    elif step is Step.FINISH:
        rotation.finish(authority, force=force)
    if step is not Step.STATUS:
        _bring_up(data, authority)
    _tell_step(data, authority)


def _tell_step(data: Path, authority: "Authority") -> None:
    from trifleet.certificates import rotation

    found = authority.roots
    if found.following is not None:
        waiting = rotation.untold(authority, _holds_new(data, authority))
        print(f"authority {found.signing} signs, {found.following} is trusted as well")
        print(f"not told yet: {', '.join(waiting) or 'nobody'}; then: switch")
    elif found.former is not None:
        late = rotation.behind(authority)
        print(f"authority {found.signing} signs, {found.former} is trusted still")
        print(f"not renewed yet: {', '.join(late) or 'nobody'}; then: finish")
    else:
        print(f"authority {found.signing} signs, and no other is trusted; to change it: begin")


def _holds_new(data: Path, authority: "Authority") -> "Callable[[str], bool]":
    """Is the new root in the files of this name in the data folder?"""
    from trifleet.certificates import roots
    from trifleet.layout import Layout
    from trifleet.transport import party_of

    following = authority.roots.following

    def holds(name: str) -> bool:
        path = party_of(Layout(data.resolve()), name).ca_file
        if following is None or not path.exists():
            return False
        return roots.certificate_file(authority.folder, following).read_bytes() in path.read_bytes()

    return holds


def _bring_up(data: Path, authority: "Authority") -> None:
    """The files of all who have theirs in the data folder; the stack looks at them by itself."""
    from trifleet.certificates import files
    from trifleet.layout import Layout
    from trifleet.transport import party_of

    names = (*authority.holders(), files.BROKER, *{one.name for one in authority.entries()})
    for name in dict.fromkeys(names):
        party = party_of(Layout(data.resolve()), name)
        if party.private_key_file.exists() and party.certificate_file.exists():
            files.ensure(authority, party)


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
