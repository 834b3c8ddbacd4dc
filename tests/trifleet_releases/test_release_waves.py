"""Waves grow to all vehicles, go on by the vehicles' own records alone, and stop at failures."""

from typing import Any

import pytest

from trifleet.releases.errors import ReleaseError
from trifleet.releases.waves import Step, decide, split


def rollout(wave: int, *shown: tuple[int, str], most: int = 0, waves: int = 3) -> dict[str, Any]:
    vehicles = [
        {"vehicle": f"trike-{at}", "wave": number, "shown": word, "reason": None}
        for at, (number, word) in enumerate(shown)
    ]
    return {"wave": wave, "waves": waves, "failures_most": most, "vehicles": vehicles}


def test_waves_grow_to_everybody() -> None:
    names = [f"trike-{number}" for number in range(25)]
    waves = split(names, "1,10%,100%")
    assert [len(one) for one in waves] == [1, 2, 22]
    assert [name for one in waves for name in one] == names
    assert split(["only"], "1,10%,100%") == [["only"]]  # no wave is empty
    assert [len(one) for one in split(names, "5,50%,25")] == [5, 8, 12]


@pytest.mark.parametrize(
    "sizes", ["", "0,100%", "10%", "100%,1", "50%,101%", "1;100%", "-1,100%", "²,100%", "1,,100%"]
)
def test_waves_that_are_none_are_refused(sizes: str) -> None:
    with pytest.raises(ReleaseError):
        split([f"trike-{number}" for number in range(25)], sizes)


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (rollout(0, (1, "later"), (2, "later")), Step.OPEN),
        (rollout(1, (1, "ready"), (2, "later")), Step.WAIT),
        (rollout(1, (1, "installing")), Step.WAIT),
        (rollout(1, (1, "trial")), Step.WAIT),
        (rollout(1, (1, "waiting")), Step.WAIT),
        (rollout(1, (1, "failed")), Step.WAIT),  # the line is bad: it is tried again
        (rollout(1, (1, "confirmed"), (2, "later")), Step.OPEN),
        (rollout(1, (1, "rolled_back"), (2, "later")), Step.STOP),
        (rollout(1, (1, "refused"), (2, "later")), Step.STOP),
        (rollout(1, (1, "refused"), (2, "later"), most=1), Step.OPEN),
        (rollout(2, (1, "confirmed"), (2, "refused"), (2, "rolled_back"), most=1), Step.STOP),
        (rollout(3, (1, "confirmed"), (2, "confirmed"), (3, "confirmed")), Step.FINISH),
        (rollout(3, (1, "confirmed"), (3, "rolled_back"), most=1), Step.FINISH),
    ],
)
def test_the_next_step(found: dict[str, Any], step: Step) -> None:
    assert decide(found).step is step


def test_a_gateway_that_cannot_believe_a_release_stops_it() -> None:
    found = rollout(1, (1, "failed"), (2, "later"))
    found["vehicles"][0]["reason"] = "NOT_LOGGED"
    decision = decide(found)
    assert decision.step is Step.STOP
    assert "trike-0 failed NOT_LOGGED" in decision.reason
