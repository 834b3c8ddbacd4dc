"""All that one batch changes, in the caller's one transaction."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from fleet_backend.fleet import counters
from fleet_backend.ingest import couriers, gaps, reasons, refusals
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.judging import MAYBE_NEW, Judge, Judgement, newest_id
from fleet_backend.ingest.limits import QuarantineLimits, RateLimit, SightingLimits
from fleet_backend.ingest.outcome import Outcome
from fleet_backend.ingest.releasedesk import ReleaseDesk, ReleaseLimits
from fleet_backend.ingest.sightings import SightingDesk
from fleet_backend.ingest.store import store
from fleet_backend.ingest.verdicts import Accepted, Duplicate, Refused
from protocol import courier


class Transaction:
    """Keeps to the bounds on what is refused. One thread."""

    def __init__(
        self,
        judge: Judge,
        limits: QuarantineLimits,
        sightings: SightingLimits,
        releases: ReleaseLimits,
    ) -> None:
        self._judge = judge
        self._limits = limits
        self._rate = RateLimit(limits, time.monotonic)
        self._record_rate = RateLimit(limits, time.monotonic)
        self._sightings = SightingDesk(sightings, time.monotonic)
        self._releases = ReleaseDesk(releases, time.monotonic)

    def apply(
        self, connection: Connection, batch: Sequence[Message], judgement: Judgement, now: int
    ) -> Outcome:
        """`judgement` is on the statements of the batch. Nothing counts before the commit."""
        newest = newest_id(connection)
        self._judge.refresh(connection)
        self._judge.settle(connection, judgement, newest, now)
        outcome = _sorted(batch, judgement)
        store(connection, outcome.accepted, now)
        gaps.note(connection, outcome.accepted, newest, now)
        for message in batch:
            if message.name != courier.UP_STATEMENT:
                self._apply_other(connection, message, outcome, now)
        kept = refusals.keep(connection, outcome.refused, self._limits, self._rate, now)
        outcome.durably_refused = kept.refused
        counters.add(connection, {**outcome.counts(kept.dropped), **outcome.heard.counts})
        self._set_records_aside(connection, outcome.accepted, now)
        return outcome

    def set_aside(self, connection: Connection, message: Message, detail: str, now: int) -> None:
        """Keep a message that cannot be handled, whole, within the bounds of its gateway."""
        refused = Refused(message.gateway, None, reasons.POISON, detail)
        kept = refusals.keep_whole(connection, message, refused, self._rate, now)
        news = {"ingest_messages_poison": 1, "ingest_messages_poison_not_kept": int(not kept)}
        counters.add(connection, news)

    def _set_records_aside(
        self, connection: Connection, accepted: Sequence[Accepted], now: int
    ) -> None:
        found = [one for one in accepted if one.set_aside]
        if not found:
            return
        dropped = refusals.set_aside(connection, found, self._limits, self._record_rate, now)
        news = {
            "ingest_records_set_aside": sum(len(one.set_aside) for one in found),
            "ingest_records_set_aside_not_kept": dropped,
        }
        counters.add(connection, news)

    def _apply_other(
        self, connection: Connection, message: Message, outcome: Outcome, now: int
    ) -> None:
        refused = self._try_other(connection, message, outcome, now)
        if refused is not None and refused.reason in MAYBE_NEW:
            self._judge.reload(connection)
            refused = self._try_other(connection, message, outcome, now)
        if refused is not None:
            outcome.refused.append((message, refused))

    def _try_other(
        self, connection: Connection, message: Message, outcome: Outcome, now: int
    ) -> Refused | None:
        known = self._judge.registry
        verify = known.gateways.get(message.gateway)
        if verify is None:
            return Refused(message.gateway, None, reasons.UNKNOWN_GATEWAY)
        if message.name == courier.UP_SIGHTING:
            return self._sightings.take(connection, message, verify, outcome.heard, now)
        if message.name == courier.UP_RELEASE:
            return self._about_releases(connection, message, outcome, now)
        return couriers.apply(connection, message, known.vehicles, now)

    def _about_releases(
        self, connection: Connection, message: Message, outcome: Outcome, now: int
    ) -> Refused | None:
        found = self._releases.take(connection, message, self._judge.registry.vehicles, now)
        if isinstance(found, Refused):
            return found
        if isinstance(found, str):
            outcome.heard.counts[found] += 1
        else:
            outcome.questions.append(found)
        return None


def _sorted(batch: Sequence[Message], judgement: Judgement) -> Outcome:
    outcome = Outcome()
    statements = [one for one in batch if one.name == courier.UP_STATEMENT]
    for message, verdict in zip(statements, judgement.verdicts, strict=True):
        if isinstance(verdict, Accepted):
            outcome.accepted.append(verdict)
        elif isinstance(verdict, Duplicate):
            outcome.duplicates.append(verdict)
        else:
            outcome.refused.append((message, verdict))
    return outcome
