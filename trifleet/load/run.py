"""A whole run: the processes that play it, what they report meanwhile, the audit at the end."""

import dataclasses
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fleet_backend.fleet import keys
from fleet_backend.fleet.database import Database
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import CHECKPOINT, FolderFetch
from trifleet.errors import ChildError
from trifleet.load import usage
from trifleet.load.audit import Audit, Report
from trifleet.load.figures import Figures, Latencies, Latency
from trifleet.load.fleet import Names, register
from trifleet.load.journal import read
from trifleet.load.keys import Keyring
from trifleet.load.logwatch import LogWatch
from trifleet.load.plan import Plan
from trifleet.load.stand import UnderLoad
from trifleet.load.usage import Used
from trifleet.provisioning import Say

_TURN_S = 0.5
_LOG_S = 30.0  # for what was acknowledged last to get into the log


@dataclasses.dataclass
class Moment:
    """How it stands: everything since the start, added up over the processes."""

    seconds: float
    figures: Figures
    up: int
    waiting: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run came to; `used` by the programs under load, `used_by_load` by the load itself.

    `to_log`: from the making of a statement to the checkpoint that covers it, for all to read.
    """

    moment: Moment
    report: Report
    to_log: Latency
    used: dict[str, Used]
    used_by_load: list[Used]


class Run:
    """One plan on one stand, once."""

    def __init__(self, plan: Plan, folder: Path, processes: int, stand: UnderLoad) -> None:
        """`folder` gets the lists of what was sent."""
        self._plan = plan
        self._folder = folder
        self._processes = min(processes, plan.count)
        self._secret = secrets.token_bytes(32)
        self._names = Names(secrets.token_hex(3))
        self._stand = stand

    @property
    def gateways(self) -> list[str]:
        """Who will connect."""
        return [self._names.gateway(number) for number in range(self._plan.count)]

    def register(self, database: Database) -> None:
        """Make the fleet known, where the stand does not do it at its start."""
        register(database, self._plan, self._names, Keyring(self._secret), int(time.time()))

    def play(self, say: Say, watch: Callable[[Moment], None], stop: threading.Event) -> Outcome:
        """Returns when everything is acknowledged and compared. Raises ChildError."""
        try:
            self._stand.start(self._plan, self._names, Keyring(self._secret), say)
            with LogWatch(self._stand.public / CHECKPOINT) as log:
                with self._players() as players:
                    moment, used = self._follow(players, watch, stop)
                say("audit", "comparing what was sent with the log")
                audit = self._audit(time.monotonic() + _LOG_S)
        finally:
            self._stand.stop()
        load = [player.used for player in players]
        return Outcome(moment, audit.report(), _to_log(audit, log), used, load)

    def _follow(
        self, players: "list[_Player]", watch: Callable[[Moment], None], stop: threading.Event
    ) -> tuple[Moment, dict[str, Used]]:
        """Until the last of them ends, or `stop`; what is measured begins when all have begun."""
        begin, before = time.monotonic(), self._used()
        begun = False
        while any(player.runs for player in players) and not stop.wait(_TURN_S):
            if not begun and all(player.begun for player in players):
                begun, begin, before = True, time.monotonic(), self._used()
            self._stand.tend()
            watch(_moment(players, begin))
        return _moment(players, begin), usage.since(before, self._used())

    def _used(self) -> dict[str, Used]:
        return usage.of_processes(self._stand.pids)

    @contextmanager
    def _players(self) -> "Iterator[list[_Player]]":
        players = [_Player(self._asked(part)) for part in range(self._processes)]
        try:
            yield players
        finally:
            for player in players:
                player.end()

    def _asked(self, part: int) -> dict[str, Any]:
        layout = self._stand.layout
        return {
            "plan": dataclasses.asdict(self._plan),
            "part": part,
            "parts": self._processes,
            "secret": self._secret.hex(),
            "run": self._names.run,
            "journal": str(self._journal(part)),
            "port": self._stand.port,
            "data": str(layout.root),
            "ack_key": keys.public_bytes(keys.load_ed25519(layout.ack_key)).hex(),
        }

    def _journal(self, part: int) -> Path:
        return self._folder / f"sent-{self._names.run}-{part}"

    def _audit(self, until: float) -> Audit:
        """The log is read anew until everything is there, or until that time."""
        policy = self._stand.layout.policy
        log = LedgerReader(FolderFetch(self._stand.public), *parse_policy(policy.read_bytes()).logs)
        audit = Audit({name: number for number, name in enumerate(self.gateways)})
        for part in range(self._processes):
            audit.sent(read(self._journal(part)))
        done = 0
        while True:
            size = log.update().size
            audit.logged(log.entries(done, size))
            done = size
            if not audit.report().lost or time.monotonic() > until:
                return audit
            time.sleep(_TURN_S)


def _to_log(audit: Audit, log: LogWatch) -> Latency:
    latencies = Latencies()
    for leaf, made_s in audit.made():
        published_s = log.published_s(leaf)
        if published_s is not None:
            latencies.add(published_s - made_s)
    return latencies.summary()


class _Player:
    """A process of `trifleet.load.process`, and what it said last."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.last: dict[str, Any] | None = None
        command = [sys.executable, "-m", "trifleet.load.process"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        _tell(self._process.stdin, asked)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def runs(self) -> bool:
        """Still, or what it said was not read yet."""
        return self._reader.is_alive()

    @property
    def begun(self) -> bool:
        """Whether its vehicles speak."""
        return bool(self.last and self.last["begun"])

    @property
    def used(self) -> Used:
        """Processor and memory, as it said last."""
        return Used(**self.last["used"]) if self.last else Used(0, 0)

    def end(self) -> None:
        """Ask it to end, and wait. Raises ChildError where it ended by a fault."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        status = self._process.wait()
        self._reader.join()
        if status:
            raise ChildError(f"a process of the load ended with status {status}")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.last = json.loads(line)


def _tell(pipe: IO[bytes] | None, asked: dict[str, Any]) -> None:
    assert pipe is not None
    pipe.write(json.dumps(asked).encode() + b"\n")
    pipe.flush()


def _moment(players: list[_Player], begin: float) -> Moment:
    figures, up, waiting = Figures(), 0, 0
    for last in [player.last for player in players if player.last is not None]:
        figures.add(last)
        up += last["up"]
        waiting += last["waiting"]
    return Moment(time.monotonic() - begin, figures, up, waiting)
