"""`trifleet ledger prove`: the receipt of one entry, in either form."""

import sys
from pathlib import Path
from typing import Annotated, Any

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
    cose: Annotated[
        bool,
        typer.Option("--cose", help="A COSE receipt (RFC 9942) instead; it has no cosignatures."),
    ] = False,
) -> None:
    """Write the proof that an entry is in the log (C2SP tlog-proof), checked before it is written.

    A COSE receipt is made from the root that the log keeps signed for this beside its checkpoint.
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
    signed_root = _signed_root(source) if cose else b""  # before the checkpoint, which it follows
    signed = open_checkpoint(source, trusted)
    # The one checkpoint that the policy accepted, even if the log grows meanwhile.
    fetch = lambda path: signed.note if path == "checkpoint" else source.fetch(path)  # noqa: E731
    reader = LedgerReader(fetch, *trusted.logs)
    if index is None:
        wanted = parse_leaf(leaf) if leaf is not None else leaf_hash(read_file(entry or Path()))
        index = reader.find(wanted)
    if cose:
        _write(output, _cose_receipt(signed_root, reader, trusted, index))
    else:
        _write(output, make_proof(reader, index).encode())


def _signed_root(source: Any) -> bytes:
    from fleet_backend.ledger.errors import MissingError
    from fleet_backend.ledger.storage import SIGNED_ROOT
    from trifleet.errors import UsageError

    try:
        data: bytes = source.fetch(SIGNED_ROOT)
    except MissingError as error:
        raise UsageError(
            f"{source.name} has no {SIGNED_ROOT} to make COSE receipts from"
        ) from error
    return data


def _cose_receipt(signed_root: bytes, reader: Any, trusted: Any, index: int) -> bytes:
    from fleet_backend.ledger.cose import make_receipt, verify_receipt_of_leaf

    receipt = make_receipt(signed_root, reader, trusted.logs, index)
    note = reader.checkpoint.note if trusted.needs_cosigners else None
    verify_receipt_of_leaf(receipt, reader.leaf(index), trusted, note)
    return receipt


def _write(output: Path | None, data: bytes) -> None:
    from trifleet.errors import UsageError

    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        with output.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
