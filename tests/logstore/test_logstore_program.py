"""`trifleet backend ledger`, twice, as real processes: killed, stopped and continued, started late.

Whatever happens every statement is in the log once, and who lost its turn ends.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from logstore_stand import GATEWAY, KEY, ORIGIN, store_statements
from sqlalchemy import delete

from fleet_backend.fleet import statements
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.schema import leases
from fleet_backend.ingest import ledgerprogram
from fleet_backend.ingest.settings import load_ledger_settings
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.pemfile import write_key
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.logstore.opening import open_fetch
from tests.fleet.engines import POSTGRES, SQLITE
from trifleet.layout import write_toml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
LEASE_S = 1.0


@dataclass
class Program:
    process: subprocess.Popen[bytes]
    log: Path

    def says(self, words: str) -> bool:
        return words in self.log.read_text()

    def kill(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status; where it does not end, what it said and where it stands."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(self.log.read_text()) from None


@dataclass
class Stand:
    """A database, a folder for tiles, and the programs that were started on them."""

    folder: Path
    database: Database
    stored: int = 0
    programs: list[Program] = field(default_factory=list)

    def run(self, *options: str) -> Program:
        log = self.folder / f"program-{len(self.programs)}.log"
        command = [sys.executable, "-m", "trifleet.cli", "backend", "ledger", "--config"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, str(self.folder / "ledger.toml"), *options],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"},
            )
        self.programs.append(Program(process, log))
        return self.programs[-1]

    def put(self, count: int) -> None:
        store_statements(self.database, self.stored, count)
        self.stored += count

    def reader(self) -> LedgerReader:
        return LedgerReader(open_fetch(self.url), log_signer(ORIGIN, KEY).verifier)

    @property
    def url(self) -> str:
        return f"file://{self.folder}/log"

    def wait_for(self, what: Callable[[], bool], words: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, f"{words}\n" + self.logs()
            time.sleep(0.02)

    def wait_logged(self) -> None:
        reader = self.reader()
        self.wait_for(lambda: reader.update().size == self.stored, "not everything is in the log")

    def logs(self) -> str:
        return "\n".join(one.log.read_text() for one in self.programs)

    def check(self) -> None:
        reader = self.reader()
        assert reader.audit().checkpoint.size == self.stored
        found = list(reader.entries(0, self.stored))
        with self.database.read() as connection:
            assert statements.count(connection) == (self.stored, self.stored)
            for seq, leaf in enumerate(map(found.index, found)):
                assert statements.by_leaf(connection, leaf).statement == found[seq]
            links = statements.links(connection, GATEWAY, 0, self.stored)
        assert {one.hash for one in links} == {statements.hash_of(one) for one in found}


@pytest.fixture
def stand(tmp_path: Path, url: str, database: Database) -> Iterator[Stand]:
    write_key(tmp_path / "log.key", KEY)
    made = Stand(tmp_path, database)
    ledger = {"origin": ORIGIN, "key_file": "log.key", "tiles_url": made.url}
    lease = {"lease_s": LEASE_S, "look_s": 0.05}
    write_toml(
        tmp_path / "ledger.toml",
        {"database": url, "ledger": {**ledger, "lease": lease}},
    )
    ledgerprogram.create(load_ledger_settings(tmp_path / "ledger.toml"))
    yield made
    for program in made.programs:
        if program.process.poll() is None:
            program.kill(signal.SIGKILL)
            program.process.wait()


def _pair(stand: Stand) -> tuple[Program, Program]:
    """A holder at work and a standby that waits."""
    holder = stand.run()
    stand.wait_for(lambda: holder.says("ready"), "no holder")
    standby = stand.run()
    stand.wait_for(lambda: standby.says("standing by"), "no standby")
    stand.put(30)
    stand.wait_logged()
    assert not standby.says("ready")
    return holder, standby


@contextmanager
def _nobody_publishes(stand: Stand) -> Iterator[None]:
    """Who is stopped while it replaces the checkpoint of a folder keeps all others from it."""
    with (stand.folder / "log/publish.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def on(first: str, *long: str) -> pytest.MarkDecorator:
    """On the engine `first` in every check, on `long` in the long one."""
    more = [pytest.param(one, marks=pytest.mark.faults) for one in long]
    return pytest.mark.parametrize("engine", [first, *more], indirect=True, scope="module")


@on(POSTGRES, SQLITE)
def test_the_standby_goes_on_when_the_holder_is_killed(stand: Stand) -> None:
    holder, standby = _pair(stand)
    stand.put(300)
    holder.kill(signal.SIGKILL)
    begun = time.monotonic()
    holder.wait()
    stand.put(5)
    stand.wait_logged()
    print(f"logged again {time.monotonic() - begun:.2f} s after the kill; lease {LEASE_S} s")
    assert standby.says("ready")
    # The one that was killed comes back, as the standby.
    late = stand.run()
    stand.wait_for(lambda: late.says("standing by"), "it does not wait")
    stand.put(5)
    stand.wait_logged()
    standby.kill(signal.SIGTERM)
    assert standby.wait() == 0
    stand.put(5)
    stand.wait_logged()
    assert late.says("ready")
    late.kill(signal.SIGTERM)
    assert late.wait() == 0
    stand.check()


@on(SQLITE, POSTGRES)
def test_a_holder_that_stood_still_past_its_lease_stops_when_it_wakes(stand: Stand) -> None:
    holder, standby = _pair(stand)
    with stand.database.begin(), _nobody_publishes(stand):
        holder.kill(signal.SIGSTOP)
    stand.put(300)
    stand.wait_logged()
    assert standby.says("ready")
    stand.put(3)
    holder.kill(signal.SIGCONT)
    assert holder.wait() == 1
    assert holder.says("another")
    stand.put(3)
    stand.wait_logged()
    standby.kill(signal.SIGTERM)
    assert standby.wait() == 0
    stand.check()


@on(SQLITE, POSTGRES)
def test_two_that_both_believe_to_hold_the_lease_make_one_log(stand: Stand) -> None:
    """The lease is taken away from the holder behind its back, again and again."""
    first = stand.run()
    stand.wait_for(lambda: first.says("ready"), "no holder")
    for _ in range(2):
        stand.put(100)
        with stand.database.begin() as connection:
            connection.execute(delete(leases))
        second = stand.run()
        stand.put(100)
        assert first.wait() == 1
        assert first.says("another")
        stand.wait_for(lambda second=second: second.says("ready"), "no second holder")
        first = second
    stand.put(10)
    stand.wait_logged()
    first.kill(signal.SIGTERM)
    assert first.wait() == 0
    stand.check()


@on(SQLITE)
def test_it_ends_while_it_waits_and_begins_nothing_twice(stand: Stand) -> None:
    _, standby = _pair(stand)
    standby.kill(signal.SIGTERM)
    assert standby.wait() == 0
    assert not standby.says("ready")
    again = stand.run("--create")
    assert again.wait() == 1
    assert again.says("trifleet: the database knows 30 entries")
