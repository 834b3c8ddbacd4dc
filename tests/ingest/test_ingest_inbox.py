"""The inbox between network and worker: in order, whole, and never above its two bounds."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.inbox import Inbox


def _message(size: int, number: int = 0) -> Message:
    return Message("gw-1", str(number), bytes(size))


@given(st.lists(st.one_of(st.integers(0, 120), st.just(None)), max_size=60))
def test_it_is_first_in_first_out_within_both_bounds(steps: list[int | None]) -> None:
    """A number puts a message of that size; None takes one out."""
    inbox, held = Inbox(4, 100), list[Message]()
    for number, size in enumerate(steps):
        if size is None:
            assert inbox.get(1, 0, 0) == held[:1]
            held = held[1:]
            continue
        message = _message(size, number)
        room = len(held) < 4 and sum(len(one.payload) for one in held) + size <= 100
        assert inbox.put(message, 0) == (room or not held)
        if room or not held:
            held.append(message)
    assert inbox.get(100, 0, 0) == held


def test_a_message_above_the_bound_gets_through_alone() -> None:
    inbox = Inbox(4, 100)
    assert inbox.put(_message(5_000), 0)
    assert not inbox.put(_message(1), 0.01)
    assert len(inbox.get(10, 0, 0)[0].payload) == 5_000


def test_a_batch_is_at_most_the_limit() -> None:
    inbox = Inbox(10, 1_000)
    for number in range(5):
        inbox.put(_message(1, number), 0)
    assert [one.name for one in inbox.get(3, 0, 0)] == ["0", "1", "2"]
    assert [one.name for one in inbox.get(3, 0, 0)] == ["3", "4"]
    assert inbox.get(3, 0, 0) == []


@pytest.mark.parametrize("bounds", [(1, 1_000), (10, 100)], ids=["messages", "bytes"])
def test_who_waits_for_room_gets_it_and_nothing_is_lost(bounds: tuple[int, int]) -> None:
    inbox, taken = Inbox(*bounds), list[str]()

    def put_all() -> None:
        for number in range(200):
            assert inbox.put(_message(60, number), 10)

    thread = threading.Thread(target=put_all)
    thread.start()
    while len(taken) < 200:
        batch = inbox.get(7, 10, 0.001)
        assert batch
        taken += [one.name for one in batch]
    thread.join()
    assert taken == [str(number) for number in range(200)]


@given(st.lists(st.integers(0, 120), max_size=6), st.lists(st.integers(0, 120), max_size=6))
def test_a_cleared_inbox_has_room_for_as_much_as_a_new_one(
    before: list[int], after: list[int]
) -> None:
    inbox, fresh = Inbox(4, 100), Inbox(4, 100)
    for number, size in enumerate(before):
        inbox.put(_message(size, number), 0)
    inbox.clear()
    assert inbox.get(9, 0, 0) == []
    taken = [inbox.put(_message(size, number), 0) for number, size in enumerate(after)]
    assert taken == [fresh.put(_message(size, number), 0) for number, size in enumerate(after)]
    assert inbox.get(9, 0, 0) == fresh.get(9, 0, 0)
