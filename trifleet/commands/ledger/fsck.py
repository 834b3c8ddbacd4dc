"""`trifleet ledger fsck`: the check of a whole log."""

import time
from typing import Annotated

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import (
    PolicyFile,
    Source,
    Vkey,
    answer,
    bar,
    end,
    outcomes,
)


def add_to(app: typer.Typer) -> None:
    app.command(
        "fsck", epilog="Example: trifleet ledger fsck data/ledger --policy data/ledger/policy.txt"
    )(fsck)


@outcomes
def fsck(
    log: Source,
    policy: PolicyFile = None,
    vkey: Vkey = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes; 0: as many as pay.")] = 0,
    max_faults: Annotated[int, typer.Option(min=1, help="Stop after so many faults.")] = 20,
    older_partials: Annotated[
        bool,
        typer.Option(help="At an address: ask for partial tiles of earlier sizes, too (slow)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every entry and every tile of a log against its signed checkpoint.

    Names the files that are wrong. A log in a folder is also searched for files that the checkpoint
    does not stand for. Reads only; the log may grow meanwhile.
    """
    from fleet_backend.ledger.fsck import FsckSettings, check_log, default_workers
    from fleet_backend.ledger.signedroot import signed_root_fault
    from trifleet.logsource import (
        newest_size,
        open_checkpoint,
        open_source,
        processors,
        read_policy,
    )

    trusted = read_policy(policy, vkey)
    source = open_source(log)
    signed = open_checkpoint(source, trusted)
    count = workers or default_workers(signed.size, processors())
    settings = FsckSettings(count, source.connections, max_faults, older_partials)
    listing = source.folder.paths() if source.folder else None

    def newest() -> int:
        time.sleep(0.5)  # a batch that is being written is signed within this
        return newest_size(source, trusted, signed.size)

    begin = time.monotonic()
    with bar("checking", as_json) as progress:
        report = check_log(
            source.fetch, signed, settings, listing=listing, newest=newest, progress=progress
        )
    if report.is_good and (fault := signed_root_fault(source.fetch, trusted.logs)):
        report.faults.append(fault)
    values = {
        "log": signed.origin,
        "size": signed.size,
        "root": signed.root.hex(),
        "bundles": report.bundles,
        "tiles": report.tiles,
        "good": report.is_good,
        "complete": report.complete,
        "faults": [{"path": fault.path, "what": fault.words} for fault in report.faults],
        "seconds": round(time.monotonic() - begin, 3),
    }
    if report.is_good:
        lines = [
            f"The log {signed.origin} holds: {signed.size} entries, "
            f"{report.tiles} {'tile' if report.tiles == 1 else 'tiles'}, "
            f"root {signed.root.hex()[:32]}...",
            "  Every entry and every hash is what the signed checkpoint stands for.",
            "  Not proved: that others were shown the same checkpoint (`trifleet ledger compare`).",
        ]
    else:
        more = "" if report.complete else " The check stopped there; there may be more."
        lines = [f"The log {signed.origin} does not hold at size {signed.size}.{more}"]
        lines += [f"  {fault}" for fault in report.faults]
    answer(as_json, values, lines)
    end(report.is_good)
