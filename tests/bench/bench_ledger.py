"""Measures the ledger beside the disk's own rate and a peer; prints JSON, a line a figure.

Run with `python -m tests.bench.bench_ledger [--memory-to 10000000] [NAME...]`. The peer is pymerkle
(GPL-3.0, so it is no dependency): name an interpreter that has it in PEER_PYTHON, or do without.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from ledger_tools import KEY, ORIGIN, ROOT, SIGNER, open_log, reader_of

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.fsck import FsckSettings, check_log
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.proof import make_proof, verify_proof
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.bench.ledger_cosigned import RATE_PER_S, rounds

ENTRY_BYTES = 300  # about a statement
WORKERS = 2
PROOF_SIZE = 1 << 20
PEER = """
import os, sys, time
from pymerkle import SqliteTree
entries = [os.urandom(int(sys.argv[3])) for _ in range(int(sys.argv[4]))]
size = int(sys.argv[2])
with SqliteTree(sys.argv[1]) as tree:
    started = time.perf_counter()
    for at in range(0, len(entries), size):
        tree.append_entries(entries[at : at + size])
    tree.get_root()
    print(len(entries) / (time.perf_counter() - started))
"""


def show(name: str, **values: object) -> None:
    print(json.dumps({"ledger": name, **values}), flush=True)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 2)


def fsyncs_per_s(folder: Path, size: int = 4_096, count: int = 200) -> float:
    descriptor = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, bytes(size))
        os.fsync(descriptor)
    os.close(descriptor)
    return round(count / (time.perf_counter() - start))


def random_entries(count: int, size: int = ENTRY_BYTES) -> list[bytes]:
    data = os.urandom(count * size)
    return [data[at : at + size] for at in range(0, len(data), size)]


def grown(directory: Path, total: int, batch: int, size: int = ENTRY_BYTES) -> LedgerWriter:
    """A log with `total` entries, still open."""
    if not directory.exists():
        create_ledger(directory, ORIGIN, KEY)
    writer = open_log(directory)
    while writer.size < total:
        writer.append(random_entries(min(batch, total - writer.size), size))
    return writer


def measure_append(folder: Path) -> None:
    """Durable entries/s, the disk's own rate before and after, the peer's bulk append."""
    for batch, total in ((250, 30_000), (1_000, 100_000)):
        directory = folder / f"append-{batch}"
        create_ledger(directory, ORIGIN, KEY)
        before = fsyncs_per_s(folder)
        taken = []
        with open_log(directory) as writer:
            entries = random_entries(total)
            start = time.perf_counter()
            for at in range(0, total, batch):
                begun = time.perf_counter()
                writer.append(entries[at : at + batch])
                taken.append((time.perf_counter() - begun) * 1000)
            seconds = time.perf_counter() - start
        show(
            "append", batch=batch, entries_per_s=round(total / seconds),
            p50_ms=percentile(taken, 0.5), p99_ms=percentile(taken, 0.99),
            disk_fsyncs_per_s=[before, fsyncs_per_s(folder)], peer=peer_rate(folder, batch, total),
        )  # fmt: skip


def peer_rate(folder: Path, batch: int, total: int) -> str:
    python = os.environ.get("PEER_PYTHON")
    if not python:
        return "not measured: PEER_PYTHON names no interpreter with pymerkle"
    command = [python, "-c", PEER, str(folder / f"peer-{batch}.db"), str(batch)]
    found = subprocess.run(
        [*command, str(ENTRY_BYTES), str(total)], check=True, capture_output=True, text=True
    )
    return f"pymerkle {round(float(found.stdout))} entries/s, one SQLite table, no tiles"


def cosigned_by_four() -> tuple[Policy, Callable[[bytes, bytes], bytes]]:
    """Three of four witnesses, and what adds all four cosignatures to a note."""
    cosigners = [
        Cosigner(f"witness-{at}.example/w", Ed25519PrivateKey.generate()) for at in range(1, 5)
    ]
    lines = [f"witness w{at} {one.verifier.vkey}" for at, one in enumerate(cosigners)]
    group = ["group four 3 w0 w1 w2 w3", "quorum four", ""]
    policy = parse_policy("\n".join([f"log {SIGNER.verifier.vkey}", *lines, *group]).encode())
    return policy, lambda note, text: add_signatures(
        note, [one.cosign(text, 1_800_000_000) for one in cosigners]
    )


def measure_proof(folder: Path) -> None:
    """Size and verification of a cosigned receipt at 2^20 entries; the whole log's check."""
    directory = folder / "large"
    grown(directory, PROOF_SIZE, 65_536).close()
    policy, cosign = cosigned_by_four()
    with open_log(directory, policy) as writer:
        writer.publish(cosign(writer.checkpoint.note, writer.checkpoint.text))
    reader = reader_of(directory)
    text, entry = make_proof(reader, PROOF_SIZE // 3), reader.entry(PROOF_SIZE // 3)
    start = time.perf_counter()
    for _ in range(200):
        verify_proof(text, entry, policy)
    each = (time.perf_counter() - start) / 200 * 1000
    show("proof", size=PROOF_SIZE, bytes=len(text), verify_ms=round(each, 3), cosignatures=4)
    for workers in (1, WORKERS):
        start = time.perf_counter()
        report = check_log(
            FolderFetch(directory / "public"), reader.checkpoint, FsckSettings(workers=workers)
        )
        seconds = time.perf_counter() - start
        rate = round(PROOF_SIZE / seconds)
        show("fsck", workers=workers, good=report.is_good, entries_per_s=rate)


def measure_cosigned(folder: Path) -> None:
    """From append to cosigned with real witnesses on this machine."""
    for what, taken in rounds(folder):
        show(
            "cosigned", witnesses=what, entries_per_s=RATE_PER_S,
            p50_s=percentile(taken, 0.5), p99_s=percentile(taken, 0.99), entries=len(taken),
        )  # fmt: skip


def measure_memory(folder: Path, most: int) -> None:
    """Resident memory of a writer and of a check, each in its own process, as the log grows."""
    size = 10_000
    while size <= most:
        values = {}
        for what in ("writer", "fsck"):
            command = [sys.executable, "-m", "tests.bench.ledger_memory", what]
            found = subprocess.run(
                [*command, str(folder / "memory"), str(size)], check=True, capture_output=True,
                text=True, cwd=ROOT,
            )  # fmt: skip
            values[f"{what}_mb"] = round(int(found.stdout) / 1024, 1)
        show("memory", entries=size, **values)
        size *= 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--memory-to", type=int, default=1_000_000)
    options.add_argument("names", nargs="*")
    given = options.parse_args()
    measures: dict[str, Callable[[Path], None]] = {
        "append": measure_append,
        "cosigned": measure_cosigned,
        "proof": measure_proof,
        "memory": lambda folder: measure_memory(folder, given.memory_to),
    }
    for name in given.names or measures:
        with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
            measures[name](Path(folder))


if __name__ == "__main__":
    main()
