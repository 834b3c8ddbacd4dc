"""Batches of messages -> judge -> one commit -> signed acknowledgement, in this order always.

An acknowledgement is the gateway's leave to forget. It is made from what the commit made durable,
and from nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from fleet_backend.fleet import commands, counters, events, quarantine
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import ExistsError
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.settings import Bounds
from fleet_backend.ingest import acceptance, couriers, effects, reasons, refusals, registry
from fleet_backend.ingest.acceptance import Accepted, Claim, Duplicate, Refused, Verdict, View
from fleet_backend.ingest.adapter import Adapter, Message
from fleet_backend.ingest.limits import QuarantineLimits, RateLimit, SightingLimits
from fleet_backend.ingest.retainer import Retainer
from fleet_backend.ingest.sightings import Asked, Heard, SightingDesk
from fleet_backend.ingest.store import store
from protocol import ack, courier

_LOG = logging.getLogger("fleet_backend.ingest")

# A registration that came after our copy was made must not turn into a refusal.
_MAYBE_NEW = frozenset((reasons.UNKNOWN_GATEWAY, reasons.RECORD_VEHICLE, reasons.COURIER_VEHICLE))
_ATTEMPTS = 3
_KEEP = RetentionSettings()


@dataclass(frozen=True)
class WorkerSettings:
    batch_messages: Annotated[int, Bounds(1, 5_000)] = 500
    gather_s: Annotated[float, Bounds(0, 1)] = 0.02
    wait_s: Annotated[float, Bounds(0.01, 10)] = 0.2
    housekeeping_s: Annotated[float, Bounds(0.1, 60)] = 1.0
    quarantine: QuarantineLimits = field(default_factory=QuarantineLimits)
    sightings: SightingLimits = field(default_factory=SightingLimits)


@dataclass
class _Outcome:
    """What a batch came to, before and after the commit."""

    accepted: list[Accepted] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[tuple[Message, Refused]] = field(default_factory=list)
    durably_refused: list[Refused] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)


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
    ) -> None:
        self._database = database
        self._adapter = adapter
        self._sign = ack_key.sign
        self._settings = settings
        self._now = now
        self._committed = committed
        self._retainer = Retainer(database, retention)
        self._asked = asked
        self._rate = RateLimit(settings.quarantine, time.monotonic)
        self._record_rate = RateLimit(settings.quarantine, time.monotonic)
        self._sightings = SightingDesk(settings.sightings, time.monotonic)
        with database.read() as connection:
            self._registry = registry.load(connection)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        settings = self._settings
        next_housekeeping = time.monotonic()
        while not stop.is_set():
            batch = self._adapter.receive(
                settings.batch_messages, settings.wait_s, settings.gather_s
            )
            if batch:
                self.handle(batch)
            if time.monotonic() >= next_housekeeping:
                self.keep_house()
                next_housekeeping = time.monotonic() + settings.housekeeping_s

    def handle(self, batch: Sequence[Message]) -> None:
        """One batch, from the first check to the acknowledgements."""
        outcome = self._commit_again(batch, self._now())
        # Power goes before this line: the gateways send again, and get told again.
        self._acknowledge(outcome)
        self._committed()
        if outcome.heard.asked:
            self._asked(outcome.heard.asked)

    def keep_house(self) -> None:
        """Trim what is only a window, and end the wait for commands that are overdue."""
        now = self._now()
        with self._database.begin() as connection:
            events.trim(connection)
            quarantine.trim_unauthentic(connection, self._settings.quarantine.forged_kept)
            for row in commands.overdue(connection, now):
                effects.advance(connection, row.id, commands.EXPIRE, now)
        self._retainer.step(now)

    def _commit_again(self, batch: Sequence[Message], now: int) -> _Outcome:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._commit(batch, now)
            except ExistsError as error:
                # Another worker stored one of them between our look and our write.
                _LOG.info("judging a batch again: %s", error)
        return self._commit(batch, now)

    def _commit(self, batch: Sequence[Message], now: int) -> _Outcome:
        statements = [one for one in batch if one.name == courier.UP_STATEMENT]
        others = [one for one in batch if one.name != courier.UP_STATEMENT]
        outcome = self._judge(statements, now)
        with self._database.begin() as connection:
            store(connection, outcome.accepted, now)
            self._apply_others(connection, others, outcome, now)
            limits = self._settings.quarantine
            kept = refusals.keep(connection, outcome.refused, limits, self._rate, now)
            outcome.durably_refused = kept.refused
            counters.add(connection, {**_counts(outcome, kept.dropped), **outcome.heard.counts})
            self._set_aside(connection, outcome.accepted, now)
        return outcome

    def _set_aside(self, connection: Connection, accepted: Sequence[Accepted], now: int) -> None:
        found = [one for one in accepted if one.set_aside]
        if not found:
            return
        limits = self._settings.quarantine
        dropped = refusals.set_aside(connection, found, limits, self._record_rate, now)
        news = {
            "ingest_records_set_aside": sum(len(one.set_aside) for one in found),
            "ingest_records_set_aside_not_kept": dropped,
        }
        counters.add(connection, news)

    def _judge(self, batch: Sequence[Message], now: int) -> _Outcome:
        claims = [acceptance.read(one.payload, one.gateway) for one in batch]
        verdicts = self._judge_claims(claims, now)
        if any(map(_maybe_new, verdicts)):
            self._reload()
            verdicts = self._judge_claims(claims, now)
        outcome = _Outcome()
        for message, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Accepted):
                outcome.accepted.append(verdict)
            elif isinstance(verdict, Duplicate):
                outcome.duplicates.append(verdict)
            else:
                outcome.refused.append((message, verdict))
        return outcome

    def _judge_claims(self, claims: Sequence[Claim | Refused], now: int) -> list[Verdict]:
        named = [(one.gateway, one.parts.seq) for one in claims if isinstance(one, Claim)]
        with self._database.read() as connection:
            chains = registry.load_chains(connection, named)
            self._registry = registry.current(connection, self._registry)
        view = View(self._registry.gateways, self._registry.vehicles, chains)
        verdicts: list[Verdict] = []
        for claim in claims:
            if isinstance(claim, Refused):
                verdicts.append(claim)
                continue
            verdict = acceptance.judge_claim(claim, view, now)
            verdicts.append(verdict)
            if isinstance(verdict, Accepted):
                view.note(verdict)
        return verdicts

    def _apply_others(
        self, connection: Connection, others: Sequence[Message], outcome: _Outcome, now: int
    ) -> None:
        if others:
            self._registry = registry.current(connection, self._registry)
        for message in others:
            refused = self._apply_other(connection, message, outcome, now)
            if refused is not None and refused.reason in _MAYBE_NEW:
                self._registry = registry.load(connection)
                refused = self._apply_other(connection, message, outcome, now)
            if refused is not None:
                outcome.refused.append((message, refused))

    def _apply_other(
        self, connection: Connection, message: Message, outcome: _Outcome, now: int
    ) -> Refused | None:
        verify = self._registry.gateways.get(message.gateway)
        if verify is None:
            return Refused(message.gateway, None, reasons.UNKNOWN_GATEWAY)
        if message.name == courier.UP_SIGHTING:
            return self._sightings.take(connection, message, verify, outcome.heard, now)
        return couriers.apply(connection, message, self._registry.vehicles, now)

    def _reload(self) -> None:
        with self._database.read() as connection:
            self._registry = registry.load(connection)

    def _acknowledge(self, outcome: _Outcome) -> None:
        accepted = _by_gateway([*outcome.accepted, *outcome.duplicates])
        refused = _by_gateway(outcome.durably_refused)
        for gateway in sorted(accepted.keys() | refused.keys()):
            yes = accepted.get(gateway, set())
            # Of two statements under one number the stored one is what the gateway may forget.
            no = refused.get(gateway, set()) - yes
            for message in _acks(gateway, yes, no):
                payload = ack.encode(message, self._sign)
                self._adapter.send(gateway, courier.DOWN_ACK, payload)


def _maybe_new(verdict: Verdict) -> bool:
    """Does it miss a gateway or a vehicle that may have been registered in the meantime?"""
    if isinstance(verdict, Refused):
        return verdict.reason in _MAYBE_NEW
    return isinstance(verdict, Accepted) and any(
        bad.reason in _MAYBE_NEW for bad in verdict.set_aside
    )


def _by_gateway(
    verdicts: Iterable[Accepted | Duplicate | Refused],
) -> dict[str, set[int]]:
    numbers: dict[str, set[int]] = {}
    for one in verdicts:
        if one.seq is not None:
            numbers.setdefault(one.gateway, set()).add(one.seq)
    return numbers


def _acks(gateway: str, accepted: set[int], refused: set[int]) -> Iterable[ack.Ack]:
    """As many as the bound on ranges asks for; nearly always one."""
    yes, no = ack.to_ranges(list(accepted)), ack.to_ranges(list(refused))
    for at in range(0, max(len(yes), len(no)), ack.MAX_RANGES):
        end = at + ack.MAX_RANGES
        yield ack.Ack(gateway, yes[at:end], no[at:end])


def _counts(outcome: _Outcome, dropped: int) -> dict[str, int]:
    return {
        "ingest_statements_accepted": len(outcome.accepted),
        "ingest_statements_duplicate": len(outcome.duplicates),
        "ingest_statements_future": sum(one.future for one in outcome.accepted),
        "ingest_messages_refused": len(outcome.refused),
        "ingest_messages_refused_not_kept": dropped,
        "ingest_samples": sum(len(one.samples) for one in outcome.accepted),
        "ingest_records": sum(len(one.records) for one in outcome.accepted),
    }
