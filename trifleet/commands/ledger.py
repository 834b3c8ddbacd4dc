"""`trifleet ledger`: what an outsider does with receipts."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from trifleet.commands.common import Json

app = typer.Typer(no_args_is_help=True, help="Verify what vehicles and gateways reported.")


@app.callback()
def group() -> None:
    """Verify what vehicles and gateways reported."""


@app.command("verify")
def verify(
    receipt: Annotated[Path, typer.Argument(help="The receipt file.")],
    policy: Annotated[Path, typer.Option(help="The policy file: which log you trust.")],
    gateway_key: Annotated[
        str, typer.Option(help="The gateway's public key (hex), if you know it from elsewhere.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Verify a receipt offline: the file, the policy, and nothing else."""
    from fleet_backend.ledger.policy import parse_policy
    from trifleet.receipt import open_receipt

    known_key = _key(gateway_key) if gateway_key else None
    found = open_receipt(_read(receipt), parse_policy(_read(policy)), known_key)
    answer = _as_dict(found)
    if as_json:
        print(json.dumps(answer))
    else:
        _print(answer)


def _read(path: Path) -> bytes:
    from trifleet.errors import TrifleetError

    try:
        return path.read_bytes()
    except OSError as error:
        raise TrifleetError(f"{path}: {error.strerror}") from error


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise typer.BadParameter("an Ed25519 public key is 64 hexadecimal digits")
    return key


def _as_dict(found: Any) -> dict[str, Any]:
    from trifleet.receipt import describe

    return {
        "log": found.origin,
        "index": found.index,
        "size": found.size,
        "root": found.root.hex(),
        "gateway": found.gateway,
        "gateway_seq": found.gateway_seq,
        "gateway_time": found.gateway_time,
        "gateway_key": found.gateway_key.hex(),
        "gateway_key_is_known": found.gateway_key_is_known,
        "records": [describe(item) for item in found.records],
    }


def _print(answer: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    say = console.print
    say("[bold green]This receipt holds.[/]")
    say(f"  Proved: entry {answer['index']} of the log {answer['log']}, which had")
    say(f"          {answer['size']} entries and the root {answer['root'][:32]}...")
    say(f"  Proved: the entry commits to the records below, signed as {answer['gateway']},")
    say(f"          statement {answer['gateway_seq']}.")
    if answer["gateway_key_is_known"]:
        say("  Proved: that signature is by the gateway key that you gave.")
    else:
        say(f"  Not proved: that the key {answer['gateway_key'][:16]}... is that gateway's; the")
        say("          receipt says so. Give --gateway-key if you know it from elsewhere.")
    say("  Not proved: the vehicle's own seal on each record; its key is the vehicle's and the")
    say("          backend's, who heeds no record whose seal does not hold. Such a record stays")
    say("          in the statement that brought it, beside those that hold.")
    for item in answer["records"]:
        body = ", ".join(f"{key} {_plain(value)}" for key, value in item["body"].items())
        console.print(f"  {_name(item)}{item['kind']}: {body}", markup=False)


def _name(item: dict[str, Any]) -> str:
    """Whose record it is; nobody can say of one that cannot be read."""
    return f"{item['vehicle']} {item['boot']}.{item['seq']} " if item["vehicle"] else ""


def _plain(value: object) -> str:
    """A vehicle's text could hold what moves the cursor: nothing of it may pass for our words."""
    text = str(value)
    return text if text.isprintable() else ascii(text)
