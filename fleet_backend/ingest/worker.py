"""Batches of messages -> judge -> one commit -> signed acknowledgement -> done, in this order.

An acknowledgement is the gateway's leave to forget. It is made from what the commit made durable,
and from nothing else. docs/ingest.md says what is true if power goes at each step.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import commands, counters, events, quarantine
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.settings import Bounds
from fleet_backend.ingest import acks, effects, faults, gaps
from fleet_backend.ingest.adapter import Adapter, Message
from fleet_backend.ingest.answered import tell_answers
from fleet_backend.ingest.gaps import GapLimits
from fleet_backend.ingest.inhand import NoNote, Note, NoteFile
from fleet_backend.ingest.judging import Judge
from fleet_backend.ingest.limits import QuarantineLimits, SightingLimits
from fleet_backend.ingest.meters import IngestMeters
from fleet_backend.ingest.outcome import Outcome
from fleet_backend.ingest.patience import patiently
from fleet_backend.ingest.poison import PoisonLimits, Suspicion
from fleet_backend.ingest.releasedesk import ReleaseLimits
from fleet_backend.ingest.releasefiles import Question
from fleet_backend.ingest.retainer import Retainer
from fleet_backend.ingest.sightings import Asked
from fleet_backend.ingest.signatures import MOST_THREADS, SignaturePool, signing_key
from fleet_backend.ingest.transaction import Transaction
from fleet_backend.tracing.tracer import OFF, Tracer
from protocol import courier

_LOG = logging.getLogger("fleet_backend.ingest")
_KEEP = RetentionSettings()


@dataclass(frozen=True)
class WorkerSettings:
    batch_messages: Annotated[int, Bounds(1, 5_000)] = 500
    gather_s: Annotated[float, Bounds(0, 1)] = 0.02
    wait_s: Annotated[float, Bounds(0.01, 10)] = 0.2
    housekeeping_s: Annotated[float, Bounds(0.1, 60)] = 1.0
    # Signature checks: 0 for as many as there are cores.
    threads: Annotated[int, Bounds(0, MOST_THREADS)] = 0
    # Where each worker notes what it has in hand; without it a death leaves no trace.
    notes: Path | None = None
    # Between two tries while the database is away.
    patience_max_s: Annotated[float, Bounds(0.05, 60)] = 5.0
    quarantine: QuarantineLimits = field(default_factory=QuarantineLimits)
    sightings: SightingLimits = field(default_factory=SightingLimits)
    releases: ReleaseLimits = field(default_factory=ReleaseLimits)
    poison: PoisonLimits = field(default_factory=PoisonLimits)
    gaps: GapLimits = field(default_factory=GapLimits)


class Worker:
    """Takes messages from one adapter. One thread."""

    def __init__(
        self,
        database: Database,
        adapter: Adapter,
        ack_key: Ed25519PrivateKey,
        settings: WorkerSettings,
        *,
        retention: RetentionSettings = _KEEP,
        now: Callable[[], int] = lambda: int(time.time()),
        committed: Callable[[], None] = lambda: None,
        asked: Callable[[Sequence[Asked]], None] = lambda _: None,
        questions: Callable[[Sequence[Question]], None] = lambda _: None,
        meters: IngestMeters | None = None,
        tracer: Tracer = OFF,
    ) -> None:
        self._database = database
        self._adapter = adapter
        self._key = signing_key(ack_key)
        self._settings = settings
        self._now = now
        self._committed = committed
        self._retainer = Retainer(database, retention)
        self._asked = asked
        self._questions = questions
        self._meters = meters or IngestMeters()
        self._tracer = tracer
        self._pool = SignaturePool(settings.threads, self._meters.checking_signatures)
        self._judge = Judge(database, self._pool)
        self._transaction = Transaction(
            self._judge, settings.quarantine, settings.sightings, settings.releases
        )
        note: Note = NoNote() if settings.notes is None else NoteFile(settings.notes)
        self._suspicion = Suspicion(note, settings.poison, now)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. A database that is away is waited for, with the batch in memory."""
        settings = self._settings
        next_housekeeping = time.monotonic()
        while not stop.is_set():
            batch = self._adapter.receive(
                settings.batch_messages, settings.wait_s, settings.gather_s
            )
            if batch:
                patiently(partial(self.handle, batch), stop, settings.patience_max_s)
            if time.monotonic() >= next_housekeeping:
                patiently(self.keep_house, stop, settings.patience_max_s)
                next_housekeeping = time.monotonic() + settings.housekeeping_s

    def handle(self, batch: Sequence[Message]) -> None:
        """One batch, from the first check to `done`.

        Raises what is the installation's fault: then nothing is `done`, and the same batch may be
        handled again.
        """
        found = self._suspicion.sort(batch)
        for part in found.parts:
            self._handle_part(part)
        for message in found.hopeless:
            self._set_aside(message, "workers died with it in hand")
        if found.shut_out:
            self._count({"ingest_messages_poison_again": len(found.shut_out)})
        self._adapter.done(batch)

    def keep_house(self) -> None:
        """Trim what is only a window, and end the wait for commands that are overdue."""
        now = self._now()
        with self._database.begin() as connection:
            events.trim(connection)
            quarantine.trim_unauthentic(connection, self._settings.quarantine.forged_kept)
            gaps.keep(connection, self._settings.gaps, now)
            for row in commands.overdue(connection, now):
                effects.advance(connection, row.id, commands.EXPIRE, now)
        self._retainer.step(now)

    def close(self) -> None:
        """Threads and the note; the worker is of no use afterwards."""
        self._pool.close()
        self._suspicion.close()

    def _handle_part(self, part: Sequence[Message]) -> None:
        self._suspicion.take_up(part)
        cleared = False
        try:
            self._take(part)
            cleared = True
        finally:
            self._suspicion.put_down(part, cleared=cleared)

    def _take(self, part: Sequence[Message], tries: int = 1) -> None:
        """Commit and acknowledge; where that fails, each half by itself."""
        begun_ns = time.time_ns()
        try:
            with self._meters.batch(len(part)):
                outcome = self._commit(part)
        except Exception as error:
            if not faults.is_of_a_message(error):
                raise
            self._take_apart(part, error, tries)
            return
        self._meters.committed(outcome)
        if self._tracer.is_on:
            tell_answers(self._tracer, outcome, begun_ns)
        # Power goes before this line: the gateways send again, and get told again.
        told = list(outcome.acks())
        for one, payload in zip(told, acks.sealed(told, self._pool, self._key), strict=True):
            self._adapter.send(one.gateway, courier.DOWN_ACK, payload)
        if told:
            self._meters.acknowledged(told)
        self._committed()
        if outcome.heard.asked:
            self._asked(outcome.heard.asked)
        if outcome.questions:
            self._questions(outcome.questions)

    def _take_apart(self, part: Sequence[Message], error: Exception, tries: int) -> None:
        told = {"messages": len(part), "fault": faults.where(error)}
        _LOG.error("messages do not go through", extra=told)
        if len(part) > 1:
            middle = len(part) // 2
            self._take(part[:middle])
            self._take(part[middle:])
        elif tries < self._settings.poison.tries:
            self._take(part, tries + 1)
        else:
            self._set_aside(part[0], faults.where(error))

    def _commit(self, part: Sequence[Message]) -> Outcome:
        now = self._now()
        with self._meters.judging():
            judgement = self._judge.judge(
                [one for one in part if one.name == courier.UP_STATEMENT], now
            )
        with self._meters.committing(), self._database.begin() as connection:
            return self._transaction.apply(connection, part, judgement, now)

    def _set_aside(self, message: Message, detail: str) -> None:
        now = self._now()
        with self._database.begin() as connection:
            self._transaction.set_aside(connection, message, detail, now)
        # Power goes before this line: it comes again, and what is kept is known by its digest.
        self._suspicion.shut_out(message)

    def _count(self, news: dict[str, int]) -> None:
        with self._database.begin() as connection:
            counters.add(connection, news)
