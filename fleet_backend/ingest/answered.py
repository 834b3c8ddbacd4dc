"""Tells traces of the vehicles' answers that a batch brought."""

from fleet_backend.ingest.outcome import Outcome
from fleet_backend.tracing import ids
from fleet_backend.tracing.tracer import Tracer
from protocol import record

_KINDS = {record.ANSWER: "answered", record.REFUSAL: "refused"}


def tell_answers(tracer: Tracer, outcome: Outcome, begun_ns: int) -> None:
    """After the commit: each answer is a step from the beginning of its batch to now."""
    for accepted in outcome.accepted:
        for entry in accepted.records:
            name = entry.body.get(0)
            if entry.kind in _KINDS and isinstance(name, bytes):
                tracer.tell(ids.ANSWER, name, begun_ns, _KINDS[entry.kind])
