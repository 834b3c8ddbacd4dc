"""`trifleet ledger prove`: the receipt of one entry."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.ledger.common import PolicyFile, Source, Vkey, outcomes


def add_to(app: typer.Typer) -> None:
    app.command(
        "prove",
        epilog="Example: trifleet ledger prove https://log.example/fleet --policy policy.txt "
        "--index 1200 --output entry.proof",
    )(prove)


@outcomes
def prove(
    log: Source,
    policy: PolicyFile = None,
    vkey: Vkey = None,
    index: Annotated[int | None, typer.Option(min=0, help="Number of the entry, from 0.")] = None,
    leaf: Annotated[
        str | None, typer.Option(help="Or its leaf hash, 64 hexadecimal digits.")
    ] = None,
    entry: Annotated[Path | None, typer.Option(help="Or a file that is the entry.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write, which must not be there; else stdout.")
    ] = None,
) -> None:
    """Write the proof that an entry is in the log (C2SP tlog-proof), checked before it is written.

    With --leaf or --entry the log is searched from its beginning; every tile that is read is proved
    up to the signed checkpoint.
    """
    from fleet_backend.ledger.merkle import leaf_hash
    from fleet_backend.ledger.proof import make_proof
    from fleet_backend.ledger.reader import LedgerReader
    from trifleet.errors import UsageError
    from trifleet.logsource import open_checkpoint, open_source, parse_leaf, read_file, read_policy

    if sum(item is not None for item in (index, leaf, entry)) != 1:
        raise UsageError("say which entry: --index, --leaf or --entry, one of them")
    trusted = read_policy(policy, vkey)
    source = open_source(log)
    signed = open_checkpoint(source, trusted)
    # The one checkpoint that the policy accepted, even if the log grows meanwhile.
    fetch = lambda path: signed.note if path == "checkpoint" else source.fetch(path)  # noqa: E731
    reader = LedgerReader(fetch, *trusted.logs)
    if index is None:
        wanted = parse_leaf(leaf) if leaf is not None else leaf_hash(read_file(entry or Path()))
        index = reader.find(wanted)
    _write(output, make_proof(reader, index))


def _write(output: Path | None, text: str) -> None:
    from trifleet.errors import UsageError

    if output is None:
        print(text, end="")
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
