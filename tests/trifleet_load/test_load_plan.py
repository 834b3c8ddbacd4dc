"""Plans: who plays what, and when whom is out of reach."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trifleet.errors import UsageError
from trifleet.load.duty import DAY_S, Always, Duty, Mode, day
from trifleet.load.plan import MOST_VEHICLES, Plan, outages, storm_times

PLANS = st.builds(
    lambda vehicles, share: Plan(vehicles, max(-(-vehicles // 64), int(vehicles * share))),
    st.integers(10, 20_000),
    st.floats(0.02, 1.0),
)


@given(PLANS, st.integers(1, 9))
def test_every_vehicle_is_played_once(plan: Plan, parts: int) -> None:
    gateways = [number for part in range(parts) for number in plan.share(part, parts)]
    assert gateways == list(range(plan.count))
    vehicles = [one for number in gateways for one in plan.vehicles_of(number)]
    assert vehicles == list(range(plan.vehicles))


@pytest.mark.parametrize("vehicles", [10, 4_999, 5_000, 100_000])
def test_a_gateway_is_chosen_for_each_vehicle_as_long_as_that_is_reasonable(vehicles: int) -> None:
    plan = Plan(vehicles)
    assert plan.count == min(vehicles, 5_000)
    assert max(len(plan.vehicles_of(number)) for number in range(plan.count)) <= 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"vehicles": 9},
        {"vehicles": MOST_VEHICLES + 1},
        {"vehicles": 100, "gateways": 101},
        {"vehicles": 1000, "gateways": 2},
        {"seconds": 0},
        {"offline_share": 1.5},
        {"batch": 65},
        {"flush_ms": 1},
        {"pace": "night"},
        {"hour": -1},
        {"storms": -1},
        {"drain_s": 0},
    ],
    ids=lambda wrong: "-".join(wrong),
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Plan(**wrong)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.integers(0, 6), st.floats(0, 1))
def test_outages_are_apart_and_the_same_each_time(number: int, storms: int, share: float) -> None:
    plan = Plan(100, seconds=300, storms=storms, offline_share=share)
    found = outages(plan, number)
    assert found == outages(plan, number)
    for before, after in itertools.pairwise(found):
        assert before.begin_s < before.end_s < after.begin_s
    assert all(any(o.begin_s <= at < o.end_s for o in found) for at in storm_times(plan))


def test_the_asked_share_of_gateways_goes_out_of_reach() -> None:
    plan = Plan(2_000, seconds=100, offline_share=0.25)
    gone = sum(bool(outages(plan, number)) for number in range(plan.count))
    assert 400 < gone < 600


@given(st.text(max_size=8), st.integers(0, 40))
def test_a_day_has_no_hole_and_rides_do_not_overlap(seed: str, rides: int) -> None:
    spells = day(seed, rides)
    assert spells[0].begin_s == 0
    assert spells[-1].end_s == DAY_S
    for before, after in itertools.pairwise(spells):
        assert before.end_s == after.begin_s
        assert not (before.mode is Mode.DROWSY and after.mode is Mode.PARKED)
    assert sum(spell.mode is Mode.RIDING for spell in spells) <= rides
    assert all(spell.begin_s < spell.end_s for spell in spells)


@given(st.floats(-10 * DAY_S, 10 * DAY_S))
def test_a_vehicle_is_always_in_some_spell(at_s: float) -> None:
    spell = Duty("one", 8).at(at_s)
    assert spell.begin_s - 1e-6 <= at_s <= spell.end_s + 1e-6
    assert Always(Mode.RIDING).at(at_s).mode is Mode.RIDING


def test_more_is_ridden_in_the_evening_than_in_the_night() -> None:
    fleet = [Duty(f"7/{number}", 8) for number in range(400)]
    evening, night = (
        sum(duty.at(hour * 3600.0).mode is Mode.RIDING for duty in fleet) for hour in (18, 3)
    )
    assert evening > 3 * night
