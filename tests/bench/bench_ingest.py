"""Measures the ingest against the cost of its signature checks alone; prints JSON.

Run with `python -m tests.bench.bench_ingest [--statements N] [--gateways N]`. Both rates come from
the same process pinned to one core, the messages are judged, committed (SQLite, synchronous=FULL)
and acknowledged in batches of 500. "with_ledger" logs every statement, too, on the same core.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ingest import acceptance
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.main import spare_the_collector
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.worker import Worker, WorkerSettings
from fleet_backend.ledger.keys import generate_log_key
from fleet_backend.ledger.writer import create_ledger
from protocol import courier

sys.path.insert(0, str(Path(__file__).parents[1] / "ingest"))
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter

BATCH = 500
ORIGIN = "bench.example/log"


def make_messages(
    fleet: Sequence[tuple[FakeGateway, FakeVehicle]], count: int, samples: int
) -> list[Message]:
    """Statements of all gateways in turn."""
    out = []
    for number in range(count):
        gateway, vehicle = fleet[number % len(fleet)]
        records = [vehicle.sample(NOW + number) for _ in range(samples)]
        message = gateway.message(records, time=NOW)
        out.append(Message(gateway.name, courier.UP_STATEMENT, message))
    return out


def clocks() -> tuple[float, float]:
    """Wall and processor seconds; the second one leaves out waits for the disk and for others."""
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> tuple[float, float]:
    """Wall and processor seconds since then."""
    wall, processor = clocks()
    return wall - started[0], processor - started[1]


def time_signatures(
    keys: dict[str, acceptance.Verify], batch: Sequence[Message]
) -> tuple[float, float]:
    """Seconds for the signature checks of a batch alone, everything else prepared beforehand."""
    claims = [acceptance.read(one.payload, one.gateway) for one in batch]
    work = [
        (keys[one.gateway], one.parts.message, one.parts.signature)
        for one in claims
        if isinstance(one, acceptance.Claim)
    ]
    started = clocks()
    good = sum(verify(message, signature) for verify, message, signature in work)
    elapsed = since(started)
    if good != len(batch):
        raise SystemExit("a signature of the bench does not verify")
    return elapsed


def time_ingest(worker: Worker, batch: Sequence[Message]) -> tuple[float, float]:
    """Seconds from the messages to their acknowledgement."""
    started = clocks()
    worker.handle(batch)
    return since(started)


def measure(count: int, gateways: int, samples: int) -> dict[str, float]:
    """Both rates, the ledger's, and what is stored in the end."""
    fleet = [(FakeGateway(f"gw-{i}"), FakeVehicle(f"v-{i}")) for i in range(gateways)]
    warm = make_messages(fleet, 2 * BATCH, samples)
    messages = make_messages(fleet, count, samples)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = open_fleet(folder, *((gateway, [vehicle]) for gateway, vehicle in fleet))
        create_ledger(folder / "ledger", ORIGIN, generate_log_key(folder / "log.key"))
        sequencer = Sequencer.open(database, folder / "ledger", ORIGIN, folder / "log.key")
        adapter, key = MemoryAdapter(), Ed25519PrivateKey.generate()
        worker = Worker(database, adapter, key, WorkerSettings(), now=lambda: NOW + count)
        keys = {gateway.name: gateway.verify for gateway, _ in fleet}
        worker.handle(warm)
        checks: list[tuple[float, float]] = []
        takes: list[tuple[float, float]] = []
        # In turns, so that what else the machine does weighs on both alike.
        for at in range(0, count, BATCH):
            batch = messages[at : at + BATCH]
            checks.append(time_signatures(keys, batch))
            takes.append(time_ingest(worker, batch))
        started = time.perf_counter()
        logged = 0
        while done := sequencer.step():
            logged += done
        ledger = logged / (time.perf_counter() - started)
        sequencer.close()
        database.close()
    if logged != len(messages) + len(warm):
        raise SystemExit(f"{logged} statements in the ledger instead of {len(messages)}")
    checking, checking_cpu = map(sum, zip(*checks, strict=True))
    taking, taking_cpu = map(sum, zip(*takes, strict=True))
    limit, accepted = count / checking, count / taking
    return {
        "samples_a_statement": samples,
        "signature_checks_per_s": round(limit),
        "statements_per_s": round(accepted),
        "samples_per_s": round(accepted * samples),
        "share_of_limit": round(accepted / limit, 3),
        "share_of_limit_processor_time": round(checking_cpu / taking_cpu, 3),
        "ledger_entries_per_s": round(ledger),
        "statements_per_s_with_ledger": round(1 / (1 / accepted + 1 / ledger)),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=10_000)
    parser.add_argument("--gateways", type=int, default=20)
    asked = parser.parse_args()
    spare_the_collector()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = [measure(asked.statements, asked.gateways, samples) for samples in (1, 10)]
    report = {
        "bench": "ingest",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": 1,
        "gateways": asked.gateways,
        "batch": BATCH,
        "runs": rows,
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
