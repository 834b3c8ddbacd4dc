"""`trifleet ledger rotate-key`: a log changes its key, and its readers can follow."""

from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import answer, outcomes


def add_to(app: typer.Typer) -> None:
    app.command(
        "rotate-key",
        epilog="Example: trifleet ledger rotate-key fleet-log --key log.key --new-key log-2.key; "
        "later: trifleet ledger rotate-key fleet-log --key log.key --new-key log-2.key --finish",
    )(rotate_key)


@outcomes
def rotate_key(
    folder: Annotated[Path, typer.Argument(help="Folder of the log; nobody may be writing it.")],
    key: Annotated[Path, typer.Option(help="The log's key until now.")],
    new_key: Annotated[Path, typer.Option(help="The new key; made if the rotation begins.")],
    policy: Annotated[
        Path | None, typer.Option(help="The policy whose quorum the log asks for, if it has one.")
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="From now on the new key signs alone.")
    ] = False,
    use_key: Annotated[
        bool, typer.Option("--use-key", help="The new key's file is there already: use it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Change the key of a log in two steps: both keys sign, then the new one alone.

    Begin, start the log's writer with both keys, and hand out the new verifier key over a channel
    that your readers trust; whoever knows one of the two can verify meanwhile. When all have it,
    finish. A key that was stolen cannot be rotated away: its thief signs, too. Begin a new log.
    """
    from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
    from fleet_backend.ledger.rotation import begin_rotation, finish_rotation
    from trifleet.errors import UsageError
    from trifleet.logsource import read_policy

    trusted = read_policy(policy, None) if policy is not None else None
    old = load_log_key(key)
    origin = _origin(folder, old, load_log_key(new_key) if finish or use_key else None)
    if finish:
        new = load_log_key(new_key)
        signed = finish_rotation(folder, origin, new, trusted)
    else:
        if new_key.exists() and not use_key:
            raise UsageError(f"{new_key} is there already; say --use-key if it is the new key")
        new = load_log_key(new_key) if use_key else generate_log_key(new_key)
        signed = begin_rotation(folder, origin, old, new, trusted)
    vkeys = [log_vkey(origin, new)] + ([] if finish else [log_vkey(origin, old)])
    words = [
        f"{origin}: the checkpoint of {signed.size} entries is signed by "
        + ("the new key alone." if finish else "both keys."),
        f"Open the log with {new_key}" + ("." if finish else f" and {key}, both."),
        "Log lines for the policy files of your readers:",
        *(f"log {vkey}" for vkey in vkeys),
    ]
    step = "finished" if finish else "begun"
    answer(as_json, {"origin": origin, "rotation": step, "vkeys": vkeys}, words)


def _origin(folder: Path, *keys: Any) -> str:
    """The log's name, out of its own checkpoint, which one of its keys must have signed."""
    from fleet_backend.ledger.checkpoint import open_checkpoint, parse_checkpoint
    from fleet_backend.ledger.errors import MissingError
    from fleet_backend.ledger.keys import log_signer
    from fleet_backend.ledger.note import parse_note
    from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
    from trifleet.errors import UsageError

    try:
        note = FolderFetch(folder / "public")(CHECKPOINT)
    except MissingError as error:
        raise UsageError(f"{folder} is not the folder of a log") from error
    origin = parse_checkpoint(parse_note(note).text).origin
    known = tuple(log_signer(origin, key).verifier for key in keys if key is not None)
    return open_checkpoint(note, known).origin
