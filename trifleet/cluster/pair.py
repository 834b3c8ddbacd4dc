"""Two PostgreSQL servers, of which one follows the other; the follower takes over.

Order of durable writes, when the primary is gone:
1. it is killed, so that nobody writes there   power goes now: it starts again as what it was
2. pair.json names the other one, not in sync  the other one is promoted at the start
3. promotion                                   the programs find the one that takes writes
4. what is left of the former primary goes     and a copy of the new one takes its place
5. commits wait for the copy, then `in_sync`   until here the primary is not replaced by it

Not noticed: a server that stands still without ending. Call everything from one thread, and keep
that thread: the servers end with it.
"""

import json
import logging
import shutil
import threading
import time

from trifleet.brokers.common import write_private
from trifleet.cluster.deciding import Known, Step, decide
from trifleet.cluster.place import SIDES, Place
from trifleet.errors import InstallationError, PostgresError
from trifleet.ports import LOOPBACK
from trifleet.postgres import DATABASE, USER, PostgresServer, initialise, standby

log = logging.getLogger("trifleet.cluster")
_LOOK_S = 0.5  # between two looks at how far the standby is
_SETTLE_S = 1.0  # until every session of the primary knows that it has to wait
_AGAIN_S = 2.0  # after a step that failed
_DROP_SLOTS = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
    " WHERE slot_name IN ('a', 'b')"
)
_STATE = (
    "SELECT sync_state FROM pg_stat_replication"
    " WHERE application_name IN ('a', 'b') AND state = 'streaming'"
)
_FLUSHED = (
    "SELECT flush_lsn FROM pg_stat_replication"
    " WHERE application_name IN ('a', 'b') AND sync_state = 'sync'"
)


class Pair:
    """`start`, then `tend` again and again, `stop`."""

    def __init__(self, place: Place, ports: dict[str, int]) -> None:
        self._place = place
        self._servers = {
            side: PostgresServer(place.server(side), ports[f"postgres-{side}"], dies_with_us=True)
            for side in SIDES
        }
        self._known = Known(SIDES[0], False)
        self._next_look = 0.0
        self._required_at: float | None = None
        self._copy: threading.Thread | None = None
        self._steps = {
            Step.PROMOTE: self._promote,
            Step.RESTART_PRIMARY: self._restart_primary,
            Step.GO_ALONE: self._go_alone,
            Step.BRING_STANDBY: self._bring_standby,
            Step.REQUIRE_STANDBY: self._require_standby,
        }

    @property
    def primary(self) -> PostgresServer:
        return self._servers[self._known.primary]

    @property
    def follower(self) -> PostgresServer:
        """The other one, whether it runs or not."""
        return self._servers[self._other]

    @property
    def is_whole(self) -> bool:
        """Each commit is on two disks."""
        return self._next() is Step.NOTHING

    def url(self) -> str:
        """Names both servers: the one that takes writes is found, whichever it is."""
        hosts = "&".join(f"host={LOOPBACK}:{one.port}" for one in self._servers.values())
        return f"postgresql://{USER}@/{DATABASE}?{hosts}&passfile={self._place.passfile}"

    def pids(self) -> dict[str, int]:
        """Of the servers that run."""
        pairs = {f"postgres-{side}": one for side, one in self._servers.items() if one.runs}
        return {name: one.pid for name, one in pairs.items() if one.pid is not None}

    def start(self) -> None:
        """The primary takes writes when this returns. Raises PostgresError, InstallationError."""
        if self._place.pair_file.exists():
            self._known = self._read()
        else:
            shutil.rmtree(self._place.server(SIDES[0]), ignore_errors=True)  # half made, perhaps
            made = initialise(self._place.server(SIDES[0]), self.primary.port)
            password = made.passfile.read_text()
            write_private(self._place.passfile, password)
            self._write(Known(SIDES[0], False))
        self._restart_primary()
        # Before anybody commits: he would wait for a standby that is not there.
        if not self._known.in_sync:
            self._wait_for_nobody()
        elif not self.follower.runs:
            self._start_follower()
            if not self.follower.runs:
                self._go_alone()

    def tend(self) -> None:
        """One step, if one is due. What fails is told and tried again."""
        now = time.monotonic()
        step = self._next()
        is_urgent = step in (Step.PROMOTE, Step.GO_ALONE)
        if step is Step.NOTHING or (now < self._next_look and not is_urgent):
            return
        self._next_look = now + _LOOK_S
        try:
            self._steps[step]()
        except (PostgresError, OSError) as error:
            self._next_look = now + _AGAIN_S
            log.error("PostgreSQL: %s: %s", step.name.lower().replace("_", " "), error)

    def stop(self) -> None:
        """The primary first: it waits until the standby has all."""
        if self._copy is not None:
            self._copy.join()
        for server in (self.primary, self.follower):
            if server.runs:
                server.stop()

    @property
    def _other(self) -> str:
        return SIDES[1 - SIDES.index(self._known.primary)]

    def _next(self) -> Step:
        return decide(self._known, self.primary.runs, self.follower.runs)

    def _promote(self) -> None:
        log.warning("PostgreSQL: the primary is gone, the standby takes its place")
        self.primary.kill()
        self._write(Known(self._other, False))
        self.primary.promote()

    def _restart_primary(self) -> None:
        self.primary.kill()
        self.primary.start()
        if (self.primary.data / "standby.signal").exists():
            self.primary.promote()  # power went between 2 and 3

    def _go_alone(self) -> None:
        log.warning("PostgreSQL: the standby is gone, commits are on one disk until it is back")
        self._write(Known(self._known.primary, False))
        self._wait_for_nobody()

    def _wait_for_nobody(self) -> None:
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.sql("SELECT pg_reload_conf()")

    def _bring_standby(self) -> None:
        """Start the one that is there; make another one where there is none, beside the work."""
        if self._copy is not None and self._copy.is_alive():
            return
        self._wait_for_nobody()
        if (self.follower.data / "standby.signal").exists():
            self._start_follower()
            return
        self._copy = threading.Thread(target=self._make_copy, name="pg_basebackup")
        self._copy.start()

    def _start_follower(self) -> None:
        """What does not start is no copy any more."""
        try:
            self.follower.start()
        except PostgresError as error:
            log.error("PostgreSQL: the standby is made anew: %s", error)
            shutil.rmtree(self.follower.root, ignore_errors=True)

    def _make_copy(self) -> None:
        """A folder that is not whole has no `standby.signal`, and is made again."""
        side, root = self._other, self.follower.root
        try:
            shutil.rmtree(root, ignore_errors=True)
            self.primary.sql(_DROP_SLOTS)
            made = standby(self.primary, root, self.follower.port, side)
            # What the primary waits for is no setting of its copy, which may be the next primary.
            with (made.data / "postgresql.auto.conf").open("a") as file:
                file.write("synchronous_standby_names = ''\n")
        except (PostgresError, OSError) as error:
            shutil.rmtree(root, ignore_errors=True)
            log.error("PostgreSQL: no new standby: %s", error)

    def _require_standby(self) -> None:
        """In three looks: it follows; commits wait for it; it has all of before."""
        side = self._other
        state = self.primary.sql(_STATE)
        if state != "sync":
            self._required_at = None
            if state:
                self.primary.require_standby(side)
            return
        now = time.monotonic()
        if self._required_at is None:
            self._required_at = now
        if now - self._required_at < _SETTLE_S:
            return
        here = self.primary.sql("SELECT pg_current_wal_lsn()")
        there = self.primary.sql(_FLUSHED)
        if there and lsn(there) >= lsn(here):
            self._required_at = None
            self._write(Known(self._known.primary, True))
            log.warning("PostgreSQL: each commit is on two disks again")

    def _read(self) -> Known:
        file = self._place.pair_file
        try:
            found = json.loads(file.read_text())
            known = Known(found["primary"], found["in_sync"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InstallationError(f"{file} is damaged: {type(error).__name__}") from error
        if known.primary not in SIDES or not isinstance(known.in_sync, bool):
            raise InstallationError(f"{file} is damaged: it names no primary")
        return known

    def _write(self, known: Known) -> None:
        value = {"primary": known.primary, "in_sync": known.in_sync}
        write_private(self._place.pair_file, json.dumps(value))
        self._known = known


def lsn(text: str) -> tuple[int, int]:
    """A place in the write-ahead log, as PostgreSQL writes it (16/B374D848), to compare."""
    high, _, low = text.partition("/")
    return int(high, 16), int(low, 16)
