"""Plays each blow under a load of its own, and compares what was sent with the log.

One thread tends the cluster, as it must; another one strikes and counts.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet.database import open_database
from trifleet.cluster.cluster import Cluster
from trifleet.cluster.faults.blows import Blow
from trifleet.cluster.faults.growth import Growth
from trifleet.errors import ChildError
from trifleet.layout import Layout
from trifleet.load.audit import Report
from trifleet.load.fleet import Names
from trifleet.load.keys import Keyring
from trifleet.load.plan import RIDING, Plan
from trifleet.load.run import Moment, Run
from trifleet.provisioning import Say

_BEFORE_S = 3.0  # of load before the blow
_WHOLE_S = 180.0  # that a cluster may take to be whole again
_LOOK_S = 0.5


@dataclass(frozen=True)
class Wish:
    """How heavy the load is, and for how long each blow's lasts, in seconds."""

    gateways: int = 20
    seconds: float = 15.0


@dataclass(frozen=True)
class Result:
    """`hit`: whom; `pause_s`: how long no entry came into the log."""

    blow: Blow
    hit: str
    pause_s: float
    report: Report

    @property
    def is_good(self) -> bool:
        """Everything that was sent is in the ledger once, and came in while it could."""
        return self.report.is_clean and self.report.sent > 0 and math.isfinite(self.pause_s)


class OnCluster:
    """`load.stand.UnderLoad`: a cluster that runs already, and is tended elsewhere."""

    def __init__(self, cluster: Cluster) -> None:
        self.layout: Layout = cluster.place.layout
        self._cluster = cluster

    @property
    def port(self) -> int:
        return self._cluster.ports["mqtt"]

    @property
    def public(self) -> Path:
        return self._cluster.place.tiles / "public"

    @property
    def pids(self) -> dict[str, int]:
        return self._cluster.pids()

    def start(self, plan: Plan, names: Names, keyring: Keyring, say: Say) -> None:
        """Everything is there."""

    def tend(self) -> None:
        """Another thread does."""

    def stop(self) -> None:
        """It goes on."""


class Trials:
    """`run` starts a cluster in a new folder and ends it."""

    def __init__(self, root: Path, workers: int, blows: Sequence[Blow], wish: Wish) -> None:
        plan = Plan(
            wish.gateways, pace=RIDING, seconds=wish.seconds, batch=5, flush_ms=500, drain_s=120
        )
        self._stop = threading.Event()
        self._blows = blows
        self.results: list[Result] = []
        self._error: BaseException | None = None
        self.cluster = Cluster(root, workers)
        stand, lists = OnCluster(self.cluster), self.cluster.place.root / "sent"
        self._lists = lists
        self._runs = [Run(plan, lists, 1, stand) for _ in blows]
        self.cluster.invite([name for run in self._runs for name in run.gateways])

    def run(self, say: Say, stop: threading.Event) -> list[Result]:
        """All blows, or those until `stop`. Raises what went wrong."""
        try:
            self.cluster.start(say, stop)
            if stop.is_set():
                return []
            self._lists.mkdir(mode=0o700, exist_ok=True)
            self._register()
            thread = threading.Thread(target=self._play_all, args=(say, stop), name="trials")
            thread.start()
            while thread.is_alive():
                self.cluster.tend_for(_LOOK_S)
            thread.join()
        finally:
            self.cluster.stop()
        if self._error is not None:
            raise self._error
        return self.results

    def _register(self) -> None:
        database = open_database(self.cluster.pair.url())
        try:
            for run in self._runs:
                run.register(database)
        finally:
            database.close()

    def _play_all(self, say: Say, stop: threading.Event) -> None:
        try:
            for blow, run in zip(self._blows, self._runs, strict=True):
                self._wait_whole(stop)
                if stop.is_set():
                    return
                result = self._play(blow, run, stop)
                if stop.is_set():
                    return
                self.results.append(result)
                say(blow.name, f"{result.hit}; no new entry for {result.pause_s:.1f} s")
            self._wait_whole(stop)
            say("whole", "every part is there again")
        except BaseException as error:
            self._error = error

    def _play(self, blow: Blow, run: Run, stop: threading.Event) -> Result:
        growth = Growth(self.cluster.place.tiles / "public/checkpoint")
        striking = _Striking(blow, self.cluster)

        def watch(moment: Moment) -> None:
            if moment.seconds >= _BEFORE_S and moment.figures.counts["acknowledged"]:
                striking.begin()

        growth.start()
        try:
            outcome = run.play(lambda *_: None, watch, stop)
            hit, at = striking.end()
        finally:
            growth.stop()
        return Result(blow, hit, growth.pause_s(at), outcome.report)

    def _wait_whole(self, stop: threading.Event) -> None:
        end, missing = time.monotonic() + _WHOLE_S, [""]
        while missing and not stop.is_set():
            missing = self.cluster.missing()
            if time.monotonic() > end:
                raise ChildError(f"after {_WHOLE_S:.0f} s the cluster lacks {', '.join(missing)}")
            time.sleep(_LOOK_S)


class _Striking:
    """One blow, in a thread of its own, once."""

    def __init__(self, blow: Blow, cluster: Cluster) -> None:
        self._blow = blow
        self._cluster = cluster
        self._at = math.inf
        self._hit = ""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="blow")

    def begin(self) -> None:
        """Nothing happens the second time."""
        if self._at == math.inf:
            self._at = time.monotonic()
            self._thread.start()

    def end(self) -> tuple[str, float]:
        """(whom it hit, when). Raises what went wrong, and ChildError where it never began."""
        if self._at == math.inf:
            raise ChildError(f"no statement was acknowledged, so {self._blow.name} did not begin")
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._hit, self._at

    def _run(self) -> None:
        try:
            self._hit = self._blow.strike(self._cluster)
        except Exception as error:
            self._error = error
