"""Which telemetry is given up for room: every second statement, from the oldest on. Pure.

When all of it was halved, the next pass begins at the oldest again, so a long outage leaves a trace
that grows coarser with age and nowhere ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol import statement

# Where thinning begins and where it ends, of the outbox's bound.
BEGIN_PERMILLE = 900
END_PERMILLE = 880
# The newest statements are left alone: they are under way, or about to be.
NEWEST_KEPT = 32
_TEXT_LIMIT = 255
# Candidates that are looked at for one statement about thinning.
LOOKED_AT = 32


@dataclass(frozen=True)
class Choice:
    """Statements to release, what the chain says of it, and where the next choice begins."""

    seqs: tuple[int, ...]
    samples: int
    text: str
    after: int


def choose(candidates: Sequence[tuple[int, int]]) -> Choice | None:
    """From (number, samples) in ascending order, telemetry that is whole: every second one."""
    chosen: list[tuple[int, int]] = []
    text, after = "", -1
    for place, candidate in enumerate(candidates):
        if place % 2 == 0:
            longer = _text([*chosen, candidate])
            if len(longer) > _TEXT_LIMIT:
                break
            chosen.append(candidate)
            text = longer
        after = candidate[0]
    if not chosen:
        return None
    seqs = tuple(seq for seq, _ in chosen)
    return Choice(seqs, sum(samples for _, samples in chosen), text, after)


def _text(chosen: Sequence[tuple[int, int]]) -> str:
    ranges: list[tuple[int, int]] = []
    for seq, _ in chosen:
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1] = (ranges[-1][0], seq)
        else:
            ranges.append((seq, seq))
    return statement.thinned_text(sum(samples for _, samples in chosen), ranges)
