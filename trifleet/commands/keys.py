"""`trifleet keys`: public names of the keys in a data folder, and the operator's token."""

import json

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, print_table
from trifleet.layout import Layout

app = typer.Typer(no_args_is_help=True, help="Keys: public names only, never a private key.")


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
