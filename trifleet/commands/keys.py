"""`trifleet keys`: keys and grants of persons, and what a data folder has of them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, print_table
from trifleet.layout import Layout

app = typer.Typer(
    no_args_is_help=True, help="Keys and grants of persons; no private key is ever shown."
)


@app.command("list")
def list_keys(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show which keys this installation has, by their public names."""
    found = _public_names(Layout(data.resolve()))
    if as_json:
        print(json.dumps(found))
        return
    titles = ("key", "what it may do", "public name")
    print_table(titles, ((name, may, public) for name, (may, public) in found.items()))


@app.command("operator")
def operator(
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the link that opens the operators' page. Whoever has it sees the whole fleet."""
    from trifleet.errors import InstallationError

    path = Layout(data.resolve()).operator_token
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise InstallationError(f"{path}: {error.strerror}; start `trifleet run` first") from error
    print(f"{_address(Layout(data.resolve()))}/fleet#token={token}")


@app.command("new")
def new(
    out: Annotated[Path, typer.Argument(help="The private key's file; must not exist.")],
    bits: Annotated[int, typer.Option(min=2048, max=4096, help="2048, 3072 or 4096.")] = 2048,
) -> None:
    """Make a key for one person: a private file, and beside it NAME.pub to give away."""
    from fleet_backend.fleet import keys
    from trifleet.errors import UsageError
    from trifleet.permission import public_pem

    public = out.with_suffix(".pub")
    for path in (out, public):
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name")
    if bits not in (2048, 3072, 4096):
        raise UsageError(f"{bits} bits: a key has 2048, 3072 or 4096")
    key = keys.generate_rsa(out, bits)
    public.write_bytes(public_pem(key))
    print(f"{out}: private, keep it; {public}: to give away; {keys.thumbprint(key).hex()}")


@app.command("grant")
def grant(
    vehicle: Annotated[str, typer.Argument(help="The vehicle's name.")],
    key: Annotated[Path, typer.Option("--key", help="The owner's private key.")],
    holder: Annotated[
        str, typer.Option("--holder", help="Whom it is for: a public key's file, or thumbprint.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the grant shall be; new.")],
    actions: Annotated[
        str, typer.Option("--actions", help="With commas between; a mechanic: diagnose,update.")
    ] = "diagnose,update",
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it holds, from now.")] = 30,
    generation: Annotated[
        int, typer.Option(min=0, help="The vehicle's, where it was raised: fleet page.")
    ] = 0,
) -> None:
    """The owner gives a person some actions on one vehicle, for some days. The file is no secret.

    To take it back, raise the vehicle's generation or revoke the grant.
    """
    import time

    from fleet_backend.fleet import keys
    from trifleet.commissioning.public_keys import owner_thumbprint
    from trifleet.errors import UsageError
    from trifleet.permission import give

    if out.exists():
        raise UsageError(f"{out} is there already: choose another name")
    now = int(time.time())
    named = [name.strip() for name in actions.split(",") if name.strip()]
    whom = owner_thumbprint(holder)
    end = now + days * 86_400
    out.write_bytes(give(keys.load_rsa(key), whom, vehicle, named, now, end, generation))
    print(f"{out}: {', '.join(named)} on {vehicle} for {whom.hex()[:16]}..., {days} days")


def _address(layout: Layout) -> str:
    """Where the stack of this folder runs now, or where it would by default."""
    try:
        return str(json.loads(layout.run_file.read_text())["address"])
    except (OSError, ValueError, KeyError):
        return "http://127.0.0.1:8080"


def _public_names(layout: Layout) -> dict[str, tuple[str, str]]:
    from fleet_backend.fleet import keys
    from fleet_backend.ledger.keys import load_log_key, log_vkey
    from trifleet.installation import origin

    statement = keys.public_bytes(keys.load_ed25519(layout.issuer_statement_key))
    ack = keys.public_bytes(keys.load_ed25519(layout.ack_key))
    found = {
        "owner": ("everything", keys.thumbprint(keys.load_rsa(layout.owner_key)).hex()),
        "issuing": (
            "grant what the owner delegated",
            keys.thumbprint(keys.load_rsa(layout.issuing_key)).hex(),
        ),
        "issuer's statements": ("log grants", statement.hex()),
        "acknowledgements": ("let gateways forget", ack.hex()),
        "log": ("sign checkpoints", log_vkey(origin(layout), load_log_key(layout.log_key))),
    }
    for path in sorted(layout.root.glob("gateways/*/gateway.key")):
        public = keys.public_bytes(keys.load_ed25519(path))
        found[path.parent.name] = ("sign statements", public.hex())
    return found
