"""What a batch came to: what is counted of it, and what its gateways are told. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.releasefiles import Question
from fleet_backend.ingest.sightings import Heard
from fleet_backend.ingest.verdicts import Accepted, Duplicate, Refused
from protocol import ack


@dataclass
class Outcome:
    """Before and after the commit."""

    accepted: list[Accepted] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[tuple[Message, Refused]] = field(default_factory=list)
    durably_refused: list[Refused] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)
    # About releases, to be answered after the commit.
    questions: list[Question] = field(default_factory=list)

    def counts(self, not_kept: int) -> dict[str, int]:
        """What the batch adds to the counters; `not_kept` refusals found no room."""
        accepted = self.accepted
        return {
            "ingest_statements_accepted": len(accepted),
            "ingest_statements_duplicate": len(self.duplicates),
            "ingest_statements_future": sum(one.future for one in accepted),
            "ingest_messages_refused": len(self.refused),
            "ingest_messages_refused_not_kept": not_kept,
            "ingest_samples": sum(len(one.samples) for one in accepted),
            "ingest_records": sum(len(one.records) for one in accepted),
        }

    def acks(self) -> Iterable[ack.Ack]:
        """Only for what the commit made durable."""
        accepted = _by_gateway([*self.accepted, *self.duplicates])
        refused = _by_gateway(self.durably_refused)
        # A gateway out of an old back-up has to hear why nothing of it is taken.
        replaced = {one.gateway: one.replaced for _, one in self.refused if one.replaced}
        for gateway in sorted(accepted.keys() | refused.keys() | replaced.keys()):
            yes = accepted.get(gateway, set())
            # Of two statements under one number the stored one is what the gateway may forget.
            no = refused.get(gateway, set()) - yes
            yield from _acks(gateway, yes, no, replaced.get(gateway, b""))


def _by_gateway(verdicts: Iterable[Accepted | Duplicate | Refused]) -> dict[str, set[int]]:
    numbers: dict[str, set[int]] = {}
    for one in verdicts:
        if one.seq is not None:
            numbers.setdefault(one.gateway, set()).add(one.seq)
    return numbers


def _acks(
    gateway: str, accepted: set[int], refused: set[int], replaced: bytes
) -> Iterable[ack.Ack]:
    """As many as the bound on ranges asks for; nearly always one."""
    yes, no = ack.to_ranges(list(accepted)), ack.to_ranges(list(refused))
    for at in range(0, max(len(yes), len(no), len(replaced[:1])), ack.MAX_RANGES):
        end = at + ack.MAX_RANGES
        yield ack.Ack(gateway, yes[at:end], no[at:end], replaced)
