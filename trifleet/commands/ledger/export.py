"""`trifleet ledger export`: a log, or a range of it, that stands alone."""

import base64
import io
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import Json
from trifleet.commands.ledger.common import PolicyFile, Source, Vkey, outcomes
from trifleet.commands.ledger.readme import README


def add_to(app: typer.Typer) -> None:
    app.command(
        "export",
        epilog="Example: trifleet ledger export data/ledger --policy data/ledger/policy.txt "
        "--from 1000 --to 2000 --output evidence.tar",
    )(export)


@outcomes
def export(
    log: Source,
    output: Annotated[
        str, typer.Option(help="A new folder, a new file that ends in .tar, or - (tar to stdout).")
    ] = "",
    policy: PolicyFile = None,
    vkey: Vkey = None,
    start: Annotated[int, typer.Option("--from", min=0, help="First entry.")] = 0,
    stop: Annotated[
        int | None, typer.Option("--to", min=0, help="Entry to stop before; else all.")
    ] = None,
    entries: Annotated[
        bool,
        typer.Option(
            "--entries",
            help="Instead: the entries to stdout, each a big-endian uint16 length and its bytes.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a log, or a range of entries, as files that prove themselves, with a README.

    Every file is proved up to the signed checkpoint before it is written. With --entries the
    entries alone go to stdout (with --json one object a line, base64): proved here, and nothing
    that proves them to others.
    """
    from fleet_backend.ledger.export import export_files
    from fleet_backend.ledger.tree import ProvedTree
    from trifleet.errors import UsageError
    from trifleet.logsource import open_checkpoint, open_source, read_policy

    if entries == bool(output):
        raise UsageError("say where to: --output PATH, or --entries")
    trusted = read_policy(policy, vkey)
    source = open_source(log)
    signed = open_checkpoint(source, trusted)
    end = signed.size if stop is None else stop
    if not start <= end <= signed.size:
        raise UsageError(f"no entries {start} to {end}: the log has {signed.size}")
    tree = ProvedTree(source.fetch, signed)
    if entries:
        _stream(tree, start, end, as_json)
        return
    words = README.format(origin=signed.origin, size=signed.size, start=start, stop=end)
    about = [("policy.txt", _policy_text(policy, vkey)), ("README", words.encode())]
    files = export_files(source.fetch, tree, start, end)
    count = _write(output, _all(files, about, signed.note))
    if output != "-":
        values = {"output": output, "size": signed.size, "from": start, "to": end, "files": count}
        told = f"{output}: entries {start} to {end} of {signed.origin}, {count} files, all proved"
        print(json.dumps(values) if as_json else told)


def _all(
    files: Iterable[tuple[str, bytes]], about: list[tuple[str, bytes]], note: bytes
) -> Iterator[tuple[str, bytes]]:
    yield from about
    for path, data in files:
        yield f"log/{path}", data
    yield "log/checkpoint", note  # last: where it is, everything is that it stands for


def _policy_text(policy: Path | None, vkey: str | None) -> bytes:
    from trifleet.logsource import read_file

    if policy is not None:
        return read_file(policy)
    return f"log {(vkey or '').strip()}\nquorum none\n".encode()


def _write(output: str, files: Iterator[tuple[str, bytes]]) -> int:
    from trifleet.errors import UsageError

    if output == "-":
        return _write_tar(sys.stdout.buffer, files)
    path = Path(output)
    try:
        if path.suffix == ".tar":
            return _write_tar_file(path, files)
        path.mkdir(parents=True)
        return sum(_write_file(path / name, data) for name, data in files)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error


def _write_file(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return 1


def _write_tar_file(path: Path, files: Iterator[tuple[str, bytes]]) -> int:
    """Half an archive is none: what does not come to its end is taken away."""
    with path.open("xb") as file:
        try:
            return _write_tar(file, files)
        except BaseException:
            path.unlink()
            raise


def _write_tar(file: Any, files: Iterator[tuple[str, bytes]]) -> int:
    """The same log gives the same bytes: no times, no owners."""
    count = 0
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            member = tarfile.TarInfo(f"ledger-export/{name}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
            count += 1
    return count


def _stream(tree: Any, start: int, stop: int, as_json: bool) -> None:
    from fleet_backend.ledger.bundle import encode_entry

    for index in range(start, stop):
        entry = tree.entry(index)
        if as_json:
            print(json.dumps({"index": index, "entry": base64.b64encode(entry).decode()}))
        else:
            sys.stdout.buffer.write(encode_entry(entry))
    sys.stdout.flush()
