"""What is under way to the backend."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.flight import Flight


def test_again_after_five_seconds_doubling_to_sixty() -> None:
    flight = Flight(8, 5, 60)
    flight.sent(0, 0.0)
    times, now = [], 0.0
    for _ in range(6):
        due = flight.next_due_s()
        assert due is not None and flight.due(due - 0.001) == []
        assert flight.due(due) == [0]
        times.append(due - now)
        now = due
        flight.sent(0, now)
    assert times == [5, 10, 20, 40, 60, 60]


def test_an_acknowledgement_shortens_the_wait_of_the_others() -> None:
    flight = Flight(8, 5, 60)
    for seq in (0, 1):
        for _ in range(5):
            flight.sent(seq, 100.0)
    flight.acknowledged([(0, 0)])
    assert flight.due(105.0) == [1] and len(flight) == 1


def test_a_new_connection_begins_with_the_oldest() -> None:
    flight = Flight(8, 5, 60)
    flight.sent(4, 0.0)
    assert flight.last == 4 and flight.room == 7
    flight.reset()
    assert flight.last == -1 and flight.room == 8 and flight.next_due_s() is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 64), st.integers(0, 1 << 64)), max_size=20))
def test_any_ranges_are_taken(pairs: list[tuple[int, int]]) -> None:
    flight = Flight(8, 5, 60)
    for seq in range(8):
        flight.sent(seq, 0.0)
    flight.acknowledged(pairs)
    left = [seq for seq in range(8) if not any(a <= seq <= b for a, b in pairs)]
    assert flight.due(5.0) == left
