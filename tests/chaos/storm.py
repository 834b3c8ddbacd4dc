"""What happens to a site, when: drawn from a seed, each kind at least once. And the account.

The account is made from the log and the database alone: each record that a vehicle made is looked
for in the bodies of the statements that the log's verified tiles hold.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bad_network import GOOD, Quality
from chaos_site import Site
from fed_bus import make_record

from fleet_backend.fleet import receipts, statements
from fleet_backend.fleet.database import Database
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from protocol import statement

BAD = Quality(delay_s=2.0, jitter_s=0.5, loss=0.3)
YEAR_S = 365 * 86_400.0


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong, in seconds of the storm; some last."""

    at_s: float
    kind: str
    target: int = 0
    lasts_s: float = 0.0


def kinds(site: Site) -> list[str]:
    """What can go wrong here."""
    found = ["gateways", "broker", "ingest", "radio", "silence", "cut", "clock", "twin"]
    found += ["disk"] if site.can_fill_disk else []
    return found + (["database"] if site.postgres is not None else [])


def plan(site: Site, seconds: float, every_s: float) -> list[Blow]:
    """Each kind once, then whatever chance says, about one in `every_s`."""
    source = random.Random(f"{site.settings.seed}/storm")
    wanted = kinds(site)
    source.shuffle(wanted)
    count = max(len(wanted), int(seconds / every_s))
    wanted += source.choices(kinds(site), k=count - len(wanted))
    longest = max(2.0, min(20.0, seconds / 5))
    return [
        Blow(
            place * seconds / count + source.uniform(0, seconds / count / 2),
            kind,
            source.randrange(site.settings.hosts),
            source.uniform(longest / 3, longest),
        )
        for place, kind in enumerate(wanted)
    ]


class Storm:
    """Carries a plan out. What lasts is undone in time, and at the end all is well again."""

    def __init__(self, site: Site) -> None:
        self.done: Counter[str] = Counter()
        self._site = site
        self._begin = time.monotonic()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._threads: list[threading.Thread] = []

    def run(self, blows: list[Blow]) -> None:
        self._begin = time.monotonic()
        for blow in blows:
            self._until(blow.at_s)
            self._strike(blow)
            self.done[blow.kind] += 1
        while self._later:
            self._until(min(at for at, _ in self._later))
        for thread in self._threads:
            thread.join()

    def _until(self, at_s: float) -> None:
        while (now := time.monotonic() - self._begin) < at_s or self._is_due(now):
            due = [entry for entry in self._later if entry[0] <= now]
            for entry in due:
                self._later.remove(entry)
                entry[1]()
            self._site.supervisor.tend()
            time.sleep(0.05)

    def _is_due(self, now: float) -> bool:
        return any(at <= now for at, _ in self._later)

    def _for(self, blow: Blow, undo: Callable[[], None]) -> None:
        self._later.append((time.monotonic() - self._begin + blow.lasts_s, undo))

    def _strike(self, blow: Blow) -> None:
        site = self._site
        if blow.kind == "gateways":
            site.kill(site.host(blow.target))
        elif blow.kind in ("broker", "ingest"):
            site.kill(blow.kind)
        elif blow.kind == "database":
            site.kill_database()
        elif blow.kind == "radio":
            site.network.quality = BAD
            self._for(blow, self._good_radio)
        elif blow.kind == "silence":
            site.network.silent = True
            self._for(blow, self._sound)
        elif blow.kind == "cut":
            site.network.cut()
        elif blow.kind == "clock":
            year = YEAR_S if blow.lasts_s * 1000 % 2 < 1 else -YEAR_S
            site.set_clock(blow.target, year)
            self._for(blow, lambda: site.set_clock(blow.target, 0))
        elif blow.kind == "disk":
            site.fill_disk(True)
            self._for(blow, lambda: site.fill_disk(False))
        else:
            name = site.gateways_of(blow.target)[0]
            self._threads.append(threading.Thread(target=site.twin, args=(name, blow.lasts_s)))
            self._threads[-1].start()

    def _good_radio(self) -> None:
        self._site.network.quality = GOOD

    def _sound(self) -> None:
        self._site.network.silent = False


def wait_for(site: Site, what: Callable[[], bool], seconds: float) -> bool:
    """False where it does not come true in time."""
    end = time.monotonic() + seconds
    while not what():
        site.supervisor.tend()
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@dataclass
class Account:
    """Records; but for `statements`. Everything that is not 0 below `in_the_ledger` is a fault."""

    sent: int = 0
    statements: int = 0
    in_the_ledger: int = 0
    lost: int = 0
    doubled: int = 0  # in two statements of the log
    statements_doubled: int = 0
    statements_missing: int = 0  # numbers of a chain that the log does not have
    doubled_in_database: int = 0
    altered: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.sent == self.in_the_ledger and not any(
            (
                self.lost,
                self.doubled,
                self.statements_doubled,
                self.statements_missing,
                self.doubled_in_database,
                self.altered,
                self.faults,
            )
        )


def settle(site: Site, seconds: float) -> bool:
    """Everything is stored, acknowledged and in the log; False where it is not in time."""
    script, total = site.settings.script, site.settings.gateways * site.settings.script.count
    left = max(0.0, script.begin_s + script.period_s * script.count - time.time())
    return wait_for(
        site, lambda: site.stored() == total and site.waiting() == 0, left + seconds
    ) and wait_for(site, lambda: _unlogged(site) == 0, seconds)


def account(site: Site) -> Account:
    """Of a site that has come to rest."""
    found = Account(faults=site.faults())
    script = site.settings.script
    found.sent = site.settings.gateways * script.count
    seen: Counter[bytes] = Counter()
    chains: dict[str, Counter[int]] = {name: Counter() for name in site.names}
    with site.database() as database:
        for entry, body in _logged(site, database):
            made = statement.decode_unverified(entry)
            if made.gateway not in chains:
                continue
            chains[made.gateway][made.seq] += 1
            found.statements += 1
            if made.kind == statement.RECORDS:
                seen.update(statement.decode_records(body))
        found.doubled_in_database = _rows(database) - found.sent
    for chain in chains.values():
        found.statements_doubled += sum(count - 1 for count in chain.values())
        found.statements_missing += max(chain, default=-1) + 1 - len(chain)
    for name in site.names:
        vehicle = site.vehicle(name)
        key = site.ring.record_key(vehicle)
        for seq in range(script.count):
            count = seen.pop(make_record(vehicle, key, script, seq), 0)
            found.in_the_ledger += count > 0
            found.lost += count == 0
            found.doubled += max(count - 1, 0)
    found.altered = sum(seen.values())
    return found


def _logged(site: Site, database: Database) -> Iterator[tuple[bytes, bytes]]:
    """(statement, body) in the order of the log."""
    logs = parse_policy(site.layout.policy.read_bytes()).logs
    log = LedgerReader(FolderFetch(site.layout.ledger / "public"), *logs)
    size = log.update().size
    with database.read() as connection:
        for entry in log.entries(0, size):
            row = statements.by_hash(connection, statements.hash_of(entry))
            yield entry, receipts.inflate(statements.body(connection, row.id).packed)


def _unlogged(site: Site) -> int:
    with site.database() as database, database.read() as connection:
        stored, logged = statements.count(connection)
    return stored - logged


def _rows(database: Database) -> int:
    with database.read() as connection:
        tables = ("records", "telemetry")
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in tables
        ]
    return sum(int(count or 0) for count in counts)


@contextmanager
def told(name: str) -> Iterator[None]:
    """How long a part took, for the long run."""
    begin = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)
