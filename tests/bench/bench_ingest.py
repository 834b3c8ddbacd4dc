"""Measures the ingest against the cost of its signature checks alone; prints JSON.

Run with `python -m tests.bench.bench_ingest [--statements N] [--gateways N]`. Everything is on: a
message is judged, stored (SQLite, synchronous=FULL), acknowledged with a signature, and put into
the ledger, by one process as `trifleet run` has it, on all cores. The bare checks are of the same
messages, in the same process, in turns with the batches, so what else runs weighs on both alike.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import statements
from fleet_backend.fleet.collector import spare_the_collector
from fleet_backend.fleet.database import Database
from fleet_backend.ingest import acceptance, verdicts
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ingest.signatures import Check, SignaturePool
from fleet_backend.ingest.worker import Worker, WorkerSettings
from fleet_backend.ledger.keys import generate_log_key
from fleet_backend.ledger.writer import create_ledger
from protocol import courier
from tests.bench.ride import Ride

sys.path.insert(0, str(Path(__file__).parents[1] / "ingest"))
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter

BATCH = 500
# Messages a second, and what the worker gathers of them in 20 ms.
PACED_RATE, PACED_BATCH = 1_111, 22
ORIGIN = "bench.example/log"
LIMITS = {"statements_per_s": 5_000, "samples_per_s": 30_000, "bytes_a_sample": 90}

Fleet = Sequence[tuple[FakeGateway, FakeVehicle]]


def make_messages(fleet: Fleet, count: int, samples: int) -> list[Message]:
    """Statements of all gateways in turn."""
    rides = [Ride(number) for number in range(len(fleet))]
    out = []
    for number in range(count):
        place = number % len(fleet)
        gateway, vehicle = fleet[place]
        records = [vehicle.sample(NOW + number, **rides[place].step()) for _ in range(samples)]
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


class BareChecks:
    """The signature checks of batches alone, everything else prepared beforehand."""

    def __init__(self, fleet: Fleet, threads: int) -> None:
        self._keys = {gateway.name: gateway.key.public_key() for gateway, _ in fleet}
        self._one, self._all = SignaturePool(1), SignaturePool(threads)
        self.seconds = {"cryptography": 0.0, "libsodium": 0.0, "libsodium_all_cores": 0.0}
        self.processor_s = 0.0
        self._count = 0

    def time(self, batch: Sequence[Message]) -> None:
        work = [
            (self._keys[one.gateway], one.parts)
            for one in (acceptance.read(each.payload, each.gateway) for each in batch)
            if isinstance(one, verdicts.Claim)
        ]
        checks = [
            Check(key.public_bytes_raw(), parts.message, parts.signature) for key, parts in work
        ]
        self._add("cryptography", lambda: [k.verify(p.signature, p.message) for k, p in work])
        self.processor_s += self._add("libsodium", lambda: self._one.check(checks))
        self._add("libsodium_all_cores", lambda: self._all.check(checks))
        self._count += len(batch)

    def rates(self) -> dict[str, int]:
        return {name: round(self._count / seconds) for name, seconds in self.seconds.items()}

    def close(self) -> None:
        self._one.close()
        self._all.close()

    def _add(
        self, name: str, check: Callable[[], list[object]] | Callable[[], list[bool]]
    ) -> float:
        started = clocks()
        if False in check():
            raise SystemExit("a signature of the bench does not verify")
        wall, processor = since(started)
        self.seconds[name] += wall
        return processor


@contextmanager
def running(fleet: Fleet, now: int, threads: int) -> Iterator[tuple[Worker, Database]]:
    """A worker, and the sequencer beside it, over a durable database and log of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = open_fleet(folder, *((gateway, [vehicle]) for gateway, vehicle in fleet))
        create_ledger(folder / "ledger", ORIGIN, generate_log_key(folder / "log.key"))
        opened = Sequencer.open(database, folder / "ledger", ORIGIN, folder / "log.key")
        sequencer = SequencerThread(opened, failed=lambda: None)
        sequencer.start(0.1)
        worker = Worker(
            database,
            MemoryAdapter(),
            Ed25519PrivateKey.generate(),
            WorkerSettings(threads=threads, notes=folder / "notes"),
            now=lambda: now,
            committed=sequencer.wake,
        )
        with closing(worker), closing(database):
            try:
                yield worker, database
            finally:
                sequencer.stop()


def make_fleet(gateways: int) -> Fleet:
    """A vehicle each."""
    return [(FakeGateway(f"gw-{i}"), FakeVehicle(f"v-{i}")) for i in range(gateways)]


def measure(count: int, gateways: int, samples: int, threads: int) -> dict[str, object]:
    """Both rates, and what is stored and logged in the end."""
    fleet = make_fleet(gateways)
    warm = make_messages(fleet, BATCH, samples)
    messages = make_messages(fleet, count, samples)
    with running(fleet, NOW + count, threads) as (worker, database):
        worker.handle(warm)
        found = _run(worker, database, fleet, messages, threads)
    wire = sum(len(one.payload) + len(courier.topic(one.gateway, one.name)) for one in messages)
    return {
        "samples_a_statement": samples,
        **found,
        "samples_per_s": round(found["statements_per_s"] * samples),
        "bytes_a_sample": round(wire / count / samples, 1),
    }


def paced(count: int, gateways: int, threads: int) -> dict[str, object]:
    """At the rate of the published scenario, in the batches that gather meanwhile."""
    fleet = make_fleet(gateways)
    warm = make_messages(fleet, BATCH, 1)
    messages = make_messages(fleet, count, 1)
    pause_s = PACED_BATCH / PACED_RATE
    with running(fleet, NOW + count, threads) as (worker, database):
        worker.handle(warm)
        _wait_logged(database, BATCH)
        started = clocks()
        for at in range(0, count, PACED_BATCH):
            worker.handle(messages[at : at + PACED_BATCH])
            due = started[0] + (at // PACED_BATCH + 1) * pause_s
            time.sleep(max(0.0, due - time.perf_counter()))
        _wait_logged(database, BATCH + count)
        wall, processor = since(started)
    return {
        "statements_per_s": round(count / wall),
        "batch": PACED_BATCH,
        "processor_us_a_statement": round(processor / count * 1e6, 1),
        "share_of_the_machine": round(processor / wall / len(os.sched_getaffinity(0)), 3),
    }


def _run(
    worker: Worker, database: Database, fleet: Fleet, messages: Sequence[Message], threads: int
) -> dict[str, float]:
    """In turns: the bare checks of some batches, then these batches until all is in the ledger."""
    bare, wall, processor = BareChecks(fleet, threads), 0.0, 0.0
    _wait_logged(database, BATCH)
    turn = 10 * BATCH  # the last step of each begins up to a tenth of a second late
    for first in range(0, len(messages), turn):
        part = messages[first : first + turn]
        bare.time(part)
        started = clocks()
        for at in range(0, len(part), BATCH):
            worker.handle(part[at : at + BATCH])
        _wait_logged(database, BATCH + first + len(part))
        passed = since(started)
        wall, processor = wall + passed[0], processor + passed[1]
    bare.close()
    rate = len(messages) / wall
    rates = bare.rates()
    cores = len(os.sched_getaffinity(0))
    return {
        "statements_per_s": round(rate),
        **{f"checks_per_s_{name}": value for name, value in rates.items()},
        "share_of_checks_on_all_cores": round(rate / rates["libsodium_all_cores"], 3),
        "share_of_checks_in_processor_time": round(bare.processor_s / processor, 3),
        "processor_us_a_statement": round(processor / len(messages) * 1e6, 1),
        "share_of_the_machine": round(processor / wall / cores, 3),
    }


def _wait_logged(database: Database, count: int) -> None:
    while True:
        with database.read() as connection:
            if statements.next_leaf(connection) == count:
                return
        time.sleep(0.005)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=10_000)
    parser.add_argument("--gateways", type=int, default=200)
    parser.add_argument("--threads", type=int, default=0, help="for signatures; 0: one a core")
    asked = parser.parse_args()
    spare_the_collector()
    runs = [
        measure(asked.statements // divisor, asked.gateways, samples, asked.threads)
        for samples, divisor in ((1, 1), (50, 5))
    ]
    report = {
        "bench": "ingest",
        "paced": paced(asked.statements // 2, asked.gateways, asked.threads),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "gateways": asked.gateways,
        "batch": BATCH,
        "limits": LIMITS,
        "runs": runs,
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
