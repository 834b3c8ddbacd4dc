"""In which order vehicles get a release, and when it goes on or stops. Pure.

A wave goes on when every vehicle of it has ended, by its own record. It stops for good when more
vehicles failed than may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from trifleet.releases.errors import ReleaseError

MAX_WAVES = 20
# The vehicle's own record ended it; the last two are failures.
ENDED = ("confirmed", "rolled_back", "refused")
FAILED = ("rolled_back", "refused")
# A gateway that cannot believe a release: somebody is at work, or a release was published wrongly.
ALARMS = ("NOT_TRUSTED", "NOT_LOGGED")


class Step(Enum):
    """What a roll-out does next."""

    WAIT = "wait"
    OPEN = "open"  # the next wave
    STOP = "stop"
    FINISH = "finish"


@dataclass(frozen=True)
class Decision:
    step: Step
    reason: str = ""


def split(vehicles: Sequence[str], sizes: str) -> list[list[str]]:
    """`sizes` such as "1,10%,100%": how many have it after each wave. Raises ReleaseError.

    A share is rounded up. The last wave has to reach every vehicle.
    """
    parts = [part.strip() for part in sizes.split(",")]
    ends = [_end(part, len(vehicles)) for part in parts]
    if len(ends) > MAX_WAVES or ends != sorted(ends) or ends[-1] != len(vehicles):
        raise ReleaseError(f"waves {sizes!r}: at most {MAX_WAVES}, growing, and the last one 100%")
    waves, begin = [], 0
    for end in ends:
        if end > begin:  # of few vehicles, two waves may be the same
            waves.append(list(vehicles[begin:end]))
            begin = end
    return waves


def _end(part: str, count: int) -> int:
    digits = part.removesuffix("%")
    if not digits.isascii() or not digits.isdigit() or not int(digits) >= 1:
        raise ReleaseError(f"wave {part!r}: a number of vehicles, or a share such as 10%")
    number = int(digits)
    if not part.endswith("%"):
        return min(number, count)
    if number > 100:
        raise ReleaseError(f"wave {part!r}: at most 100%")
    return -(-count * number // 100)


def decide(rollout: Mapping[str, Any]) -> Decision:
    """The next step of a roll-out as the API shows it."""
    wave = int(rollout["wave"])
    is_open = [one for one in rollout["vehicles"] if one["wave"] <= wave]
    failed = [one for one in is_open if _has_failed(one)]
    if len(failed) > int(rollout["failures_most"]):
        names = ", ".join(f"{one['vehicle']} {_why(one)}" for one in failed[:4])
        return Decision(Step.STOP, f"{len(failed)} failed: {names}")
    if any(one["shown"] not in ENDED for one in is_open):
        return Decision(Step.WAIT)
    if wave < int(rollout["waves"]):
        return Decision(Step.OPEN)
    return Decision(Step.FINISH)


def _has_failed(one: Mapping[str, Any]) -> bool:
    alarm = one["shown"] == "failed" and one["reason"] in ALARMS
    return one["shown"] in FAILED or alarm


def _why(one: Mapping[str, Any]) -> str:
    return f"{one['shown']} {one['reason'] or ''}".strip()
