"""The pause that a blow costs, from when the log grew."""

import math

from trifleet.cluster.faults.growth import longest


def test_the_longest_span_that_ended_after_the_blow_counts() -> None:
    times = [0.0, 5.0, 5.5, 8.5, 9.0]
    assert longest(times, 4.0) == 5.0  # it was hit in the middle of this one
    assert longest(times, 6.0) == 3.0
    assert longest(times, 8.6) == 0.5


def test_a_log_that_did_not_grow_again_stood_for_ever() -> None:
    assert longest([0.0, 1.0], 2.0) == math.inf
    assert longest([], 0.0) == math.inf
