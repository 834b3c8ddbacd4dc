"""Figures of the check of a whole log: `python tests/ledger/bench_fsck.py [ENTRIES...]`.

Several processes beside one, beside a plain loop of SHA-256 over the same entries, and the most
memory that one of them took, at each size. The logs are generated without fsync.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ledger_tools import ORIGIN, ROOT, SIGNER

from fleet_backend.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from fleet_backend.ledger.edge import RightEdge
from fleet_backend.ledger.fsck import FsckSettings, check_log, default_workers
from fleet_backend.ledger.merkle import leaf_hash
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.tile import WIDTH, partial_tiles
from fleet_backend.ledger.treefiles import bundle_files

ENTRY_BYTES = 300  # about a statement
SIZES = (10_000, 100_000, 1_000_000)
BATCH = 64 * WIDTH


def generate(directory: Path, count: int) -> None:
    """A log of random entries, published at its whole size alone."""
    edge = RightEdge()
    for first in range(0, count, BATCH):
        entries = [os.urandom(ENTRY_BYTES) for _ in range(min(BATCH, count - first))]
        for tile, data in bundle_files(first // WIDTH, entries):
            write(directory / tile.path, data)
        for tile, data in edge.extend(list(map(leaf_hash, entries))):
            if tile.is_full:
                write(directory / tile.path, data)
    for tile in partial_tiles(count):
        write(directory / tile.path, b"".join(edge.hashes(tile.level)))
    note = sign_checkpoint(Checkpoint(ORIGIN, count, edge.root()), SIGNER).note
    (directory / "checkpoint").write_bytes(note)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def check(directory: str, workers: str) -> None:
    """In a process of its own: prints seconds, seconds of processor, and MB at most."""
    fetch = FolderFetch(Path(directory))
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    begin = time.perf_counter()
    report = check_log(fetch, signed, FsckSettings(workers=int(workers)), listing=fetch.paths())
    seconds = time.perf_counter() - begin
    assert report.is_good, report.faults
    times = os.times()
    used = [resource.getrusage(who).ru_maxrss // 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]  # fmt: skip
    print(seconds, sum(times[:4]), *used)


def run(directory: Path, workers: int) -> Iterator[float]:
    command = [sys.executable, __file__, "--check", str(directory), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return map(float, done.stdout.split())


def plain_loop() -> float:
    """Entries a second of processor that a loop of SHA-256 hashes."""
    entries = [os.urandom(ENTRY_BYTES) for _ in range(50_000)]
    begin = time.process_time()
    for entry in entries:
        sha256(b"\x00" + entry).digest()
    return len(entries) / (time.process_time() - begin)


def main(sizes: tuple[int, ...]) -> None:
    for size in sizes:
        workers = default_workers(size, len(os.sched_getaffinity(0)))
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name), size)
            alone, alone_cpu, alone_memory, _ = run(Path(name), 1)
            together, _, parent, child = run(Path(name), workers)
        print(
            f"fsck {size:9d} entries: {size / together:7.0f}/s in {workers} process(es), "
            f"{alone / together:.2f} times one ({size / alone:.0f}/s); "
            f"{size / alone_cpu:.0f} a second of processor, "
            f"{size / alone_cpu / plain_loop():.2f} times a plain SHA-256 loop; "
            f"at most {alone_memory:.0f} MB alone, {parent:.0f} and {child:.0f} MB together",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(*sys.argv[2:4])
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)
