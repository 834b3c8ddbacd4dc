"""The rule of the two database servers: against every course of events, not against itself."""

from dataclasses import dataclass, replace

import pytest

from trifleet.cluster.deciding import Known, Step, decide


@pytest.mark.parametrize(
    ("in_sync", "primary", "standby", "step"),
    [
        (True, True, True, Step.NOTHING),
        (False, True, True, Step.REQUIRE_STANDBY),
        (True, True, False, Step.GO_ALONE),
        (False, True, False, Step.BRING_STANDBY),
        (True, False, True, Step.PROMOTE),
        (False, False, True, Step.RESTART_PRIMARY),
        (True, False, False, Step.RESTART_PRIMARY),
        (False, False, False, Step.RESTART_PRIMARY),
    ],
)
def test_each_situation_has_its_step(
    in_sync: bool, primary: bool, standby: bool, step: Step
) -> None:
    assert decide(Known("a", in_sync), primary, standby) is step


@dataclass(frozen=True)
class World:
    """Two servers as they are; `complete`: the standby has every commit that was confirmed."""

    known: Known
    primary: bool = True
    standby: bool = False
    waits: bool = False  # does the primary wait for the standby?
    complete: bool = False

    def commit(self) -> "World":
        if not self.primary or (self.waits and not self.standby):
            return self  # nothing is confirmed
        return replace(self, complete=self.complete and self.waits)

    def tended(self) -> "World":
        """What `pair.py` does, one durable change after the other."""
        step, known = decide(self.known, self.primary, self.standby), self.known
        alone = Known(known.primary, False)
        if step is Step.PROMOTE:
            assert self.complete, "a standby was promoted that lacks a confirmed commit"
            other = Known("b" if known.primary == "a" else "a", False)
            return World(other)
        if step is Step.RESTART_PRIMARY:
            return replace(self, primary=True)
        if step is Step.GO_ALONE:
            return replace(self, known=alone, waits=False)
        if step is Step.BRING_STANDBY:
            return replace(self, standby=True, waits=False)
        if step is Step.REQUIRE_STANDBY and not self.waits:
            return replace(self, waits=True)
        if step is Step.REQUIRE_STANDBY and not self.complete:
            return replace(self, complete=True)  # it has caught up
        return replace(self, known=Known(known.primary, True))

    def next(self) -> set["World"]:
        died = {replace(self, primary=False), replace(self, standby=False)}
        return {self.commit(), self.tended(), *died}


def test_in_no_course_of_deaths_and_commits_a_confirmed_commit_is_left_behind() -> None:
    seen: set[World] = set()
    fresh = {World(Known("a", False))}
    while fresh:
        seen |= fresh
        fresh = {after for world in fresh for after in world.next()} - seen
    assert any(world.known == Known("b", True) for world in seen)
    assert any(not world.primary and not world.standby for world in seen)
    for world in seen:
        if world.known.in_sync:
            assert world.complete
