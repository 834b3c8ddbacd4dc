"""Plays a share of the fleet in real time: one process, one thread, thousands of gateways."""

import heapq
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from protocol import courier
from protocol.errors import DecodeError, VerifyError
from trifleet.load.figures import Figures
from trifleet.load.gateway import Gateway
from trifleet.load.journal import Journal
from trifleet.load.lines import Door, Lines
from trifleet.load.plan import IDLE, Plan, outages
from trifleet.load.vehicle import Vehicle

_LONGEST_TURN_S = 0.05
_REPORT_S = 1.0
_LINES_A_S = 200  # opened at the beginning; a storm opens all at once
_CONNECT_S = 60.0  # that the last of them may take
_AGAIN_S = (0.5, 2.0)  # before a lost line is opened again

Act = Callable[[float], None]
# Told each second and at the end: figures, lines up, statements that wait, and whether the plan
# has begun.
Report = Callable[[Figures, int, int, bool], None]


@dataclass
class Played:
    """A gateway with its vehicles."""

    number: int
    gateway: Gateway
    client_id: str
    vehicles: Sequence[Vehicle]
    records: list[bytes] = field(default_factory=list)
    is_flush_due: bool = False
    is_out_of_reach: bool = False
    resend_at: float | None = None


class Player:
    """`run` plays the plan to its end and waits for the last acknowledgements."""

    def __init__(
        self,
        plan: Plan,
        fleet: Sequence[Played],
        door: Door,
        journal: Journal,
        figures: Figures,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._plan = plan
        self._fleet = {one.gateway.name: one for one in fleet}
        self._journal = journal
        self._figures = figures
        self._wall_s = wall_s
        self._lines = Lines(door, self._opened, self._lost, self._arrived)
        self._acts: list[tuple[float, int, Act]] = []
        self._count = 0
        self._begin = time.monotonic()
        self._ready: set[str] = set()
        self._begun = self._ended = False
        self._report_at = 0.0
        self._chance = random.Random(f"{plan.seed}/lines")  # noqa: S311 (a plan, not a secret)

    @property
    def waiting(self) -> int:
        """Statements that the backend has not acknowledged."""
        return sum(len(one.gateway.waiting) for one in self._fleet.values())

    def run(self, stop: threading.Event, report: Report) -> None:
        """Returns when everything is acknowledged, or `drain_s` after the end of the plan.

        The plan begins when all lines are up, so that no latency is that of the first connection.
        """
        last = self._plan.seconds + self._plan.drain_s
        try:
            self._connect_all(stop, report)
            for one in self._fleet.values():
                self._plan_one(one)
            while not stop.is_set() and self._now() < last:
                self._step()
                self._report(report)
                if self._ended and not self.waiting:
                    break
        finally:
            self._lines.close()
            self._report_at = 0.0
            self._report(report)

    def _connect_all(self, stop: threading.Event, report: Report) -> None:
        """A little apart from each other; who is not there in time comes later."""
        for place, one in enumerate(self._fleet.values()):
            self._at(place / _LINES_A_S, self._opener(one))
        last = len(self._fleet) / _LINES_A_S + _CONNECT_S
        while self._lines.up < len(self._fleet) and self._now() < last and not stop.is_set():
            self._turn(self._now())
            self._report(report)
        # What is still to be opened is opened at once in the time of the plan.
        self._acts = [(0.0, number, act) for _, number, act in self._acts]
        self._begin, self._begun = time.monotonic(), True

    def _opener(self, one: Played) -> Act:
        return lambda _: self._open(one)

    def _report(self, report: Report) -> None:
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + _REPORT_S
            report(self._figures, self._lines.up, self.waiting, self._begun)

    def _now(self) -> float:
        return time.monotonic() - self._begin

    def _at(self, when: float, act: Act) -> None:
        self._count += 1
        heapq.heappush(self._acts, (when, self._count, act))

    def _plan_one(self, one: Played) -> None:
        for vehicle in one.vehicles if self._plan.pace != IDLE else ():
            self._at(self._chance.uniform(0, 1), self._speaker(one, vehicle))
        for outage in outages(self._plan, one.number):
            self._at(outage.begin_s, lambda _: self._cut(one))
            self._at(outage.end_s, lambda _: self._back(one))

    def _step(self) -> None:
        now = self._now()
        if now >= self._plan.seconds and not self._ended:
            self._end(now)
        self._turn(now)

    def _turn(self, now: float) -> None:
        while self._acts and self._acts[0][0] <= now:
            heapq.heappop(self._acts)[2](now)
        ready, self._ready = self._ready, set()
        for name in ready:
            self._send(self._fleet[name], now)
        due = self._acts[0][0] - self._now() if self._acts else _LONGEST_TURN_S
        self._lines.turn(min(due, _LONGEST_TURN_S))

    def _end(self, now: float) -> None:
        """The vehicles say no more; whoever is out of reach comes back."""
        self._ended = True
        for one in self._fleet.values():
            self._flush(one, now)
            if one.is_out_of_reach:
                self._back(one)

    def _speaker(self, one: Played, vehicle: Vehicle) -> Act:
        def speak(now: float) -> None:
            if self._ended:
                return
            offset = self._plan.hour * 3600
            for data in vehicle.records(offset + now, self._wall_s()):
                one.records.append(data)
                self._figures.counts["records"] += 1
                if len(one.records) >= self._plan.batch:
                    self._flush(one, now)
            if one.records and not one.is_flush_due:
                one.is_flush_due = True
                self._at(now + self._plan.flush_ms / 1000, lambda then: self._flush(one, then))
            # From when it was due, not from now: who is late does not drift.
            self._at(max(vehicle.next_s - offset, now), speak)

        return speak

    def _flush(self, one: Played, now: float) -> None:
        one.is_flush_due = False
        if not one.records:
            return
        wall_s = self._wall_s()
        made = one.gateway.state(one.records, wall_s, now)
        # Listed before it can be sent.
        self._journal.add(one.number, made.seq, made.hash, int(wall_s * 1000))
        self._figures.counts["statements"] += 1
        one.records = []
        self._ready.add(one.gateway.name)

    def _send(self, one: Played, now: float) -> None:
        before = one.gateway.repeated
        for seq in one.gateway.due(now):
            message = one.gateway.waiting[seq].message
            if not self._lines.publish(one.gateway.name, courier.UP_STATEMENT, message):
                break
            self._figures.counts["published"] += 1
            self._figures.counts["bytes"] += len(message)
            one.gateway.sent(seq, now)
        self._figures.counts["repeated"] += one.gateway.repeated - before
        self._look_again(one)

    def _look_again(self, one: Played) -> None:
        due = one.gateway.next_due_s()
        if due is None or (one.resend_at is not None and one.resend_at <= due):
            return
        one.resend_at = due

        def look(_: float) -> None:
            one.resend_at = None
            self._ready.add(one.gateway.name)

        self._at(due, look)

    def _open(self, one: Played) -> None:
        if not one.is_out_of_reach:
            self._lines.open(one.gateway.name, one.client_id)

    def _cut(self, one: Played) -> None:
        one.is_out_of_reach = True
        self._figures.counts["lines cut"] += 1
        self._lines.cut(one.gateway.name)

    def _back(self, one: Played) -> None:
        if one.is_out_of_reach:
            one.is_out_of_reach = False
            self._open(one)

    def _opened(self, name: str) -> None:
        self._figures.counts["lines opened"] += 1
        self._fleet[name].gateway.connected()
        self._ready.add(name)

    def _lost(self, name: str) -> None:
        self._figures.counts["lines lost"] += 1
        one = self._fleet[name]
        if not one.is_out_of_reach:
            again = self._now() + self._chance.uniform(*_AGAIN_S)
            self._at(again, self._opener(one))

    def _arrived(self, name: str, topic: str, payload: bytes) -> None:
        if topic != courier.DOWN_ACK:
            return
        one, now = self._fleet[name], self._now()
        try:
            done = one.gateway.acknowledged(payload, now)
        except (DecodeError, VerifyError):
            self._figures.counts["acknowledgements refused"] += 1
            return
        for _, seconds in done:
            self._figures.acknowledged(seconds)
        self._figures.counts["refused"] += one.gateway.refused
        one.gateway.refused = 0
        self._ready.add(name)
