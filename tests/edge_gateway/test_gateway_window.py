"""Which records are stored up to where: a model of a vehicle against the window."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.window import ROUNDS, Name, Window, WindowState

LIMIT = 16


def _empty() -> Window:
    return Window(WindowState(), LIMIT)


def test_a_fresh_vehicle_settles_with_its_boot_record() -> None:
    window = _empty().after([(1, 0), (1, 1), (1, 3)], [(1, 0)])
    assert window.high == (1, 1)
    assert window.state.ahead == {(1, 3)}
    assert window.after([(1, 2)], []).high == (1, 3)


def test_an_unknown_beginning_waits_for_two_more_rounds() -> None:
    window = _empty().after([(5, 100), (5, 101)], [])
    assert window.high is None
    assert not window.repeated((5, 100)) and not window.repeated((5, 101))
    assert window.high is None
    assert window.repeated((5, 100))
    assert window.high == (5, 101)


def test_a_late_record_disproves_the_rounds() -> None:
    window = Window(WindowState((1, 4)), LIMIT).after([(1, 7)], [])
    window.repeated((1, 7))
    window = window.after([(1, 6)], [])
    assert not window.repeated((1, 7)) and window.high == (1, 4)
    assert window.after([(1, 5)], []).high == (1, 7)


def test_the_next_boot_is_not_taken_for_the_end_of_the_last() -> None:
    window = Window(WindowState((1, 4)), LIMIT).after([(2, 0), (2, 1)], [])
    assert window.high == (1, 4)


def test_what_would_pass_the_bound_has_no_room_but_the_missing_one_has() -> None:
    ahead = frozenset((1, seq) for seq in range(6, 6 + LIMIT))
    window = Window(WindowState((1, 4), ahead), LIMIT)
    assert not window.has_room((1, 90)) and window.has_room((1, 5))
    assert window.after([(1, 5)], []).high == (1, 5 + LIMIT)


@settings(deadline=None)
@given(st.data())
def test_nothing_is_called_stored_that_the_vehicle_still_has_and_we_have_not(
    data: st.DataObject,
) -> None:
    """A vehicle sends rounds in order; in each round any records but no record twice is lost."""
    boots = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3), "records a boot")
    held: list[Name] = [(boot + 1, seq) for boot, n in enumerate(boots) for seq in range(n)]
    # What the vehicle does not have any more: samples that died with a reset.
    dead = data.draw(st.sets(st.sampled_from(held)), "dead")
    held = [name for name in held if name not in dead]
    lost: set[Name] = set()
    stored: set[Name] = set()
    window = _empty()
    for _ in range(4 * ROUNDS):
        for name in list(held):
            if name not in lost and data.draw(st.booleans(), "lost"):
                lost.add(name)  # each at most once: losing one in every round is no contract
            elif window.has(name):
                assert name in stored
                window.repeated(name)
            else:
                stored.add(name)
                window = window.after([name], [])
            if window.high is not None:
                assert all(name in stored for name in held if name <= window.high)
    assert all(window.high is not None and name <= window.high for name in held)
