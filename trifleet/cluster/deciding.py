"""What to do about two PostgreSQL servers: pure, from what is known and what runs.

One rule carries it: a standby is promoted only where it is known to have every commit that was
confirmed. `in_sync` is written down before the primary may confirm a commit alone, and taken back
only when it cannot any more; so it may say no where it was yes, and never the other way round.
"""

from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    """The next thing to do; after it, look again."""

    NOTHING = "both run, and each commit is on two disks"
    PROMOTE = "the primary is gone, and the standby has everything"
    RESTART_PRIMARY = "the primary is gone, and nobody else has everything"
    GO_ALONE = "the standby is gone: the primary must not wait for it"
    BRING_STANDBY = "the primary is alone: start the standby, or make a new one"
    REQUIRE_STANDBY = "the standby runs: let commits wait for it when it has caught up"


@dataclass(frozen=True)
class Known:
    """What was written down: who is the primary, and may the other one take its place."""

    primary: str
    in_sync: bool


def decide(known: Known, primary_runs: bool, standby_runs: bool) -> Step:
    """The whole rule."""
    if not primary_runs:
        return Step.PROMOTE if known.in_sync and standby_runs else Step.RESTART_PRIMARY
    if not standby_runs:
        return Step.GO_ALONE if known.in_sync else Step.BRING_STANDBY
    return Step.NOTHING if known.in_sync else Step.REQUIRE_STANDBY
