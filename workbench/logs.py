"""What a vehicle kept for the gateway and has still, and why it crashed last. Reads only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from protocol.record import Record
from workbench.bench import Bench
from workbench.errors import NoSuchFileError, VerifyError
from workbench.journal import decode_segment

FOLDERS = ("events", "samples")
# Of the start that is being told of, and of the one before.
CRASH_FILES = ("crash", "crash.last")
MOST_CRASH_BYTES = 8_192


@dataclass(frozen=True)
class Logs:
    """`raw` are the files as they lie there, by a name that is safe here; `records` in the order
    of (boot, seq), `damaged` how many frames or ends of files say nothing."""

    records: tuple[Record, ...]
    damaged: int
    crashes: dict[str, str] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict, repr=False)


def read_logs(bench: Bench) -> Logs:
    """Raises VerifyError where the cable garbled a file."""
    records: list[Record] = []
    damaged, raw = 0, {}
    for folder in FOLDERS:
        for path, digest in bench.files.hashes(folder).items():
            number = path.rpartition("/")[2]
            if not (number.isascii() and number.isdigit()):
                continue  # being written when power went
            data = _read(bench, path, digest)
            raw[f"{folder}-{int(number)}.bin"] = data
            segment = decode_segment(data)
            records += segment.records
            damaged += segment.damaged
    records.sort(key=lambda one: (one.boot, one.seq))
    return Logs(tuple(records), damaged, _crashes(bench), raw)


def _read(bench: Bench, path: str, digest: bytes) -> bytes:
    data = bench.files.read(path)
    if hashlib.sha256(data).digest() != digest:
        raise VerifyError(f"{path}: something else arrived than lies there")
    return data


def _crashes(bench: Bench) -> dict[str, str]:
    out = {}
    for name in CRASH_FILES:
        try:
            data = bench.files.read(name)
        except NoSuchFileError:
            continue
        text = data[:MOST_CRASH_BYTES].decode(errors="replace")
        # A traceback is text for a terminal: nothing that steers one.
        out[name] = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return out
