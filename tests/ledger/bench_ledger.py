"""Figures of the ledger on this machine: `python tests/ledger/bench_ledger.py [ENTRIES [BATCH]]`.

Durable appends beside the disk's own fsync rate, audit, proof size and verification, memory.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from ledger_tools import KEY, ORIGIN, new_log, reader_of

from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import make_proof, verify_proof

ENTRY_BYTES = 300  # about a statement


def fsync_ms(folder: Path, count: int = 200) -> float:
    descriptor = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, bytes(4096))
        os.fsync(descriptor)
    os.close(descriptor)
    return (time.perf_counter() - start) / count * 1000


def append(folder: Path, total: int, batch: int) -> None:
    writer = new_log(folder)
    taken = []
    start = time.perf_counter()
    while writer.size < total:
        entries = [os.urandom(ENTRY_BYTES) for _ in range(batch)]
        begin = time.perf_counter()
        writer.append(entries)
        taken.append((time.perf_counter() - begin) * 1000)
    seconds = time.perf_counter() - start
    writer.close()
    taken.sort()
    print(
        f"append        {total / seconds:9.0f} entries/s in batches of {batch}, published; "
        f"p50 {taken[len(taken) // 2]:.1f} ms, p99 {taken[len(taken) * 99 // 100]:.1f} ms"
    )


def read(folder: Path) -> None:
    reader = reader_of(folder)
    start = time.perf_counter()
    size = reader.audit().checkpoint.size
    print(f"audit         {size / (time.perf_counter() - start):9.0f} entries/s, whole log")
    policy = parse_policy(f"log {log_vkey(ORIGIN, KEY)}\nquorum none\n".encode())
    text, entry = make_proof(reader, size // 3), reader.entry(size // 3)
    start = time.perf_counter()
    for _ in range(200):
        verify_proof(text, entry, policy)
    each = (time.perf_counter() - start) / 200 * 1000
    print(f"proof         {len(text):9d} bytes at size {size}, verified in {each:.2f} ms")


def main(total: int = 100_000, batch: int = 250) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"fsync         {fsync_ms(folder):9.2f} ms for 4 kB appended, the disk's own")
        append(folder / "log", total, batch)
        read(folder / "log")
    print(
        f"memory        {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:9d} MB at most"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
