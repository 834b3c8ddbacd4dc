"""Which records are stored up to where: a model of a vehicle against the window."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.variants import AT_ONCE, Pace, Variants
from edge_gateway.window import BOOTS, ROUNDS, BootMarks, Mark, Name, Window, digest

LIMIT = 16
A, B = digest(b"a"), digest(b"b")


def _after(window: Window, *names: Name, settled: tuple[Name, ...] = (), mark: bytes = A) -> Window:
    return window.after([(name, mark) for name in names], settled)


def _high(window: Window, boot: int) -> int | None:
    return window.state.get(boot, BootMarks()).high


def test_a_fresh_vehicle_settles_with_its_boot_record() -> None:
    window = _after(Window({}, LIMIT), (1, 0), (1, 1), (1, 3), settled=((1, 0),))
    assert _high(window, 1) == 1 and window.stored_up_to((1, 3)) == (1, 1)
    assert _high(_after(window, (1, 2)), 1) == 3


def test_an_unknown_beginning_waits_for_two_more_rounds() -> None:
    window = _after(Window({}, LIMIT), (5, 100), (5, 101))
    assert not window.repeated((5, 100)) and not window.repeated((5, 101))
    assert window.stored_up_to((5, 101)) is None
    assert window.repeated((5, 100))
    assert window.stored_up_to((5, 101)) == (5, 101)


def test_a_late_record_disproves_the_rounds() -> None:
    window = _after(_after(Window({}, LIMIT), (1, 4), settled=((1, 4),)), (1, 7))
    window.repeated((1, 7))
    window = _after(window, (1, 6))
    assert not window.repeated((1, 7)) and _high(window, 1) == 4
    assert _high(_after(window, (1, 5)), 1) == 7


def test_the_next_boot_is_not_taken_for_the_end_of_the_last() -> None:
    window = _after(Window({}, LIMIT), (1, 4), (2, 0), (2, 1), settled=((1, 4),))
    assert window.stored_up_to((1, 9)) == (1, 4) and window.stored_up_to((2, 1)) is None


def test_only_the_same_bytes_are_a_repetition() -> None:
    window = _after(Window({}, LIMIT), (0xFFFFFFFF, 0), (7, 3), settled=((0xFFFFFFFF, 0), (7, 3)))
    assert window.has((7, 3), A) and not window.has((7, 3), B)
    assert not window.has((7, 2), A) and not window.has((6, 0), A) and not window.has((8, 0), A)
    assert _after(window, (7, 3), mark=B).variants((7, 3)) == 2


def test_an_answer_does_not_pass_the_record_that_came() -> None:
    window = _after(Window({}, LIMIT), *((7, seq) for seq in range(9)), settled=((7, 0),))
    assert window.stored_up_to((7, 4)) == (7, 4)


def test_what_is_stored_last_is_kept_and_the_mark_stays() -> None:
    window = _after(Window({}, LIMIT), *((1, seq) for seq in range(100)), settled=((1, 0),))
    assert [seq for seq, _ in window.state[1].marks] == list(range(100 - LIMIT, 100))
    assert _high(window, 1) == 99 and not window.has((1, 3), A)


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=60))
def test_a_flood_of_boots_is_bounded_and_does_not_push_out_the_present_one(
    forged: list[int],
) -> None:
    window = Window({}, LIMIT).after([((7, 0), A)], [(7, 0)], 7)
    for boot in forged:
        window = window.after([((boot, 0), B)], [], 7)
    assert len(window.state) <= BOOTS
    assert window.has((7, 0), A) and window.stored_up_to((7, 0)) == (7, 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 30), st.sampled_from((A, B)))))
def test_nothing_is_repeated_that_was_not_stored(steps: list[tuple[int, int, bytes]]) -> None:
    window = Window({}, LIMIT)
    stored: set[tuple[int, Mark]] = set()
    for boot, seq, mark in steps:
        assert not window.has((boot, seq), mark) or (boot, (seq, mark)) in stored
        window = window.after([((boot, seq), mark)], [(boot, seq)] if seq == 0 else [])
        stored.add((boot, (seq, mark)))
        assert window.has((boot, seq), mark)
        assert all(len(kept.marks) <= LIMIT for kept in window.state.values())
        for kept_boot, kept in window.state.items():
            assert kept.high is None or any((kept_boot, (kept.high, m)) in stored for m in (A, B))


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
    freed: Name = (0, 0)
    window = Window({}, LIMIT)
    for _ in range(4 * ROUNDS):
        for name in [name for name in held if name > freed]:
            if name not in lost and data.draw(st.booleans(), "lost"):
                lost.add(name)  # each at most once: losing one in every round is no contract
                continue
            if window.has(name, A):
                assert name in stored
                window.repeated(name)
            else:
                stored.add(name)
                window = _after(window, name)
            answer = window.stored_up_to(name)
            if answer is not None:
                assert answer <= name and all(n in stored for n in held if n <= answer)
                freed = max(freed, answer)
    assert all(name <= freed for name in held)


def test_a_few_variants_at_once_and_further_ones_at_a_pace() -> None:
    variants = Variants()
    admitted = 0
    for i in range(1000):
        admitted += variants.admit((7, 5), digest(b"%d" % i), min(i, AT_ONCE), 100.0)
    assert admitted == AT_ONCE + 16
    assert variants.holds((7, 4), (7, 5), 100.0) and not variants.holds((7, 4), (7, 4), 100.0)
    # What the vehicle was rid of holds nothing back.
    assert not variants.holds((7, 5), (7, 9), 100.0)
    assert not variants.holds((7, 4), (7, 9), 106.0)
    assert variants.admit((7, 5), A, AT_ONCE, 106.0)


def test_a_record_that_had_to_wait_frees_the_answers_when_it_is_stored() -> None:
    variants = Variants()
    while variants.admit((7, 5), A, AT_ONCE, 0.0):
        pass
    assert variants.holds(None, (7, 6), 0.0)
    assert variants.admit((7, 5), A, AT_ONCE, 2.0)
    assert not variants.holds(None, (7, 6), 2.0)


def test_a_pace_gives_its_burst_and_then_its_rate() -> None:
    pace = Pace(3, 2.0)
    assert [pace.take(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert pace.take(10.5) and not pace.take(10.5)
