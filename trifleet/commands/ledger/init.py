"""`trifleet ledger init`: a new, empty log."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import answer, outcomes


def add_to(app: typer.Typer) -> None:
    app.command(
        "init",
        epilog="Example: trifleet ledger init fleet-log --origin log.example/fleet --key log.key",
    )(init)


@outcomes
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the log; must hold none yet.")],
    origin: Annotated[
        str, typer.Option(help="Name of the log for ever: its address without https://.")
    ],
    key: Annotated[Path, typer.Option(help="Where the new signing key goes (mode 0600).")],
    use_key: Annotated[
        bool, typer.Option("--use-key", help="The key file is there already: use it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Begin an empty log with a key of its own, and print the verifier key to hand out.

    Nothing is ever overwritten: neither a log nor a key. Two logs under one origin and one key
    are two histories; keep the key file, and never begin a log twice.
    """
    from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
    from fleet_backend.ledger.note import check_name
    from fleet_backend.ledger.writer import create_ledger
    from trifleet.errors import UsageError

    try:
        check_name(origin)
    except Exception as error:
        raise UsageError(f"--origin: {error}") from error
    if key.resolve().is_relative_to((folder / "public").resolve()):
        raise UsageError("the key would lie in the folder that is served")
    if any((folder / name).exists() for name in ("lock.db", "wal", "public")):
        raise UsageError(f"{folder} holds a log already; nothing was changed")
    if key.exists() and not use_key:
        raise UsageError(f"{key} is there already; say --use-key if it is this log's key")
    private = load_log_key(key) if use_key else generate_log_key(key)
    create_ledger(folder, origin, private)
    vkey = log_vkey(origin, private)
    words = [
        f"A new, empty log in {folder}; {folder / 'public'} is what to serve, and nothing else.",
        f"Its key is in {key}: whoever has it can sign histories. Keep it apart, and a copy.",
        "Its verifier key, for whoever is to trust the log (a policy file of two lines):",
        f"log {vkey}",
        "quorum none",
    ]
    answer(as_json, {"folder": str(folder), "origin": origin, "vkey": vkey}, words)
