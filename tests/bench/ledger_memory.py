"""Grows or checks a log in a process of its own and prints its largest resident set in KiB.

Run with `python -m tests.bench.ledger_memory writer|fsck DIRECTORY SIZE`.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from ledger_tools import KEY, ORIGIN, open_log, reader_of

from fleet_backend.ledger.fsck import FsckSettings, check_log
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import create_ledger

BATCH = 10_000
ENTRY_BYTES = 32


def write(directory: Path, size: int) -> None:
    """Grow the log to `size`, in batches that are always as large."""
    if not directory.exists():
        create_ledger(directory, ORIGIN, KEY)
    with open_log(directory) as writer:
        while writer.size < size:
            data = os.urandom(BATCH * ENTRY_BYTES)
            writer.append([data[at : at + ENTRY_BYTES] for at in range(0, len(data), ENTRY_BYTES)])


def check(directory: Path, size: int) -> None:
    signed = reader_of(directory).checkpoint
    report = check_log(FolderFetch(directory / "public"), signed, FsckSettings())
    if signed.size != size or not report.is_good:
        raise SystemExit(f"size {signed.size}: {report.faults}")


def peak_kib() -> int:
    """Of this program alone: `ru_maxrss` would begin with what its parent had when it forked."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    {"writer": write, "fsck": check}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    print(peak_kib())
