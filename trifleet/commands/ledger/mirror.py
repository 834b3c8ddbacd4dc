"""`trifleet ledger mirror`: a copy of somebody's log, kept up to date, served, and cosigned."""

import json
import re
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import Json, stop_on_signals
from trifleet.commands.ledger.common import PolicyFile, Source, Vkey, bar, outcomes, plain


def add_to(app: typer.Typer) -> None:
    app.command(
        "mirror",
        epilog="Example: trifleet ledger mirror https://log.example/fleet --to mirror "
        "--policy policy.txt --every 60 --serve 127.0.0.1:8091",
    )(mirror)


@outcomes
def mirror(
    log: Source,
    to: Annotated[Path, typer.Option(help="Folder of the mirror; begun if it is not there.")],
    policy: PolicyFile = None,
    vkey: Vkey = None,
    every: Annotated[
        float, typer.Option(min=0, help="Pull again after so many seconds; 0: once.")
    ] = 0.0,
    serve: Annotated[
        str, typer.Option(help="Serve the mirror on HOST:PORT until Ctrl-C (port 0: any).")
    ] = "",
    cosign: Annotated[
        Path | None,
        typer.Option(help="Settings of a witness (`trifleet witness init`): cosign what is held."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Pull a log, prove everything before it is written, and serve or cosign the copy.

    Only what is missing is fetched. The mirror's checkpoint is covered by its files at every
    moment, whenever it is killed. A log that rolled back or forked is refused, the mirror stays as
    it is, and both checkpoints lie in its folder `evidence`. With --every it goes on, and goes on
    serving, after an answer that is refused; a fork ends it.
    """
    from fleet_backend.ledger.mirror import Mirror
    from trifleet.logserver import serving
    from trifleet.logsource import open_source, read_policy

    trusted = read_policy(policy, vkey)
    source = open_source(log)
    address = _address(serve) if serve else None
    stop = stop_on_signals() if serve or every else threading.Event()
    with ExitStack() as stack:
        witness = _witness(stack, cosign) if cosign is not None else None
        held = stack.enter_context(Mirror(to, trusted))
        if address is not None:
            where = stack.enter_context(serving(held.public, *address))
            _say(as_json, {"serving": where}, f"Serving the mirror at {where}")
        while True:
            _pull(held, source, witness, as_json, forgive=bool(every))
            if not every or stop.wait(every):
                break
        if address is not None:
            stop.wait()


def _pull(held: Any, source: Any, witness: Any, as_json: bool, *, forgive: bool) -> None:
    """One pull. What does not hold is asked for again where there is a next time: an old copy on
    its way, or a broken file, must not take down a mirror. A fork does not heal.
    """
    from fleet_backend.ledger.errors import (
        FetchError,
        ForkError,
        MissingError,
        UntrustedDataError,
        WitnessError,
    )

    begin = time.monotonic()
    try:
        with bar("pulling", as_json) as progress:
            pulled = held.pull(source.fetch, connections=source.connections, progress=progress)
    except FetchError as error:
        if not forgive:
            raise
        _say(as_json, {"error": str(error)}, f"Not reached: {error}")
        return
    except (UntrustedDataError, MissingError) as error:
        if not forgive or isinstance(error, ForkError):
            raise
        _say(as_json, {"error": str(error)}, f"Refused: {error}")
        return
    if witness is not None:
        try:
            held.cosign(witness)
        except WitnessError as error:
            if not forgive:
                raise
            _say(as_json, {"error": str(error)}, f"Not cosigned: {error}")
            return
    values = {
        "log": pulled.checkpoint.origin,
        "old_size": pulled.old_size,
        "size": pulled.checkpoint.size,
        "root": pulled.checkpoint.root.hex(),
        "fetched_bundles": pulled.fetched,
        "cosigned": witness is not None,
        "seconds": round(time.monotonic() - begin, 3),
    }
    words = (
        f"{pulled.checkpoint.origin}: {pulled.checkpoint.size} entries held and proved, "
        f"{pulled.checkpoint.size - pulled.old_size} of them new"
    )
    _say(as_json, values, words + (", cosigned" if witness is not None else ""))


def _say(as_json: bool, values: dict[str, Any], words: str) -> None:
    print(json.dumps(values) if as_json else plain(words))
    sys.stdout.flush()


def _address(text: str) -> tuple[str, int]:
    from trifleet.errors import UsageError

    found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65_535:
        raise UsageError(f"not HOST:PORT: {text}")
    return found[1] or found[2], int(found[3])


def _witness(stack: ExitStack, config: Path) -> Any:
    """With its memory: a key alone would cosign whatever a mirror that was begun anew is shown."""
    from fleet_backend.fleet.errors import SettingsError
    from fleet_backend.fleet.settings import load
    from fleet_backend.witness.settings import WitnessSettings
    from fleet_backend.witness.setup import open_witness
    from trifleet.errors import UsageError

    try:
        witness = open_witness(load(config, WitnessSettings))
    except SettingsError as error:
        raise UsageError(str(error)) from error
    stack.enter_context(witness.database)
    return witness
