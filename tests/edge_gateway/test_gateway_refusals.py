"""Refusals are told once for the same bytes, at most once a minute."""

from edge_gateway.backoff import Backoff
from edge_gateway.events import Inbox, Wake
from edge_gateway.refusals import Refusals


def test_the_same_bytes_are_told_once() -> None:
    refusals = Refusals()
    for _ in range(5):
        refusals.add(b"same", "field: record.kind")
    assert refusals.due(0.0) == "1 records refused, the last one: field: record.kind"
    refusals.add(b"same", "field: record.kind")
    assert refusals.due(100.0) is None


def test_many_are_told_together_and_seldom() -> None:
    refusals = Refusals()
    refusals.add(b"0", "a")
    assert refusals.due(0.0) is not None
    for i in range(1, 500):
        refusals.add(str(i).encode(), "b")
    assert refusals.due(59.0) is None
    assert refusals.due(60.0) == "499 records refused, the last one: b"
    assert len(refusals._known) <= 64


def test_back_off_doubles_within_its_jitter() -> None:
    backoff = Backoff(1.0, 8.0)
    for longest in (1, 2, 4, 8, 8, 8):
        assert longest / 2 <= backoff.next_s() <= longest
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_full_inbox_drops_and_counts() -> None:
    inbox = Inbox(2)
    for _ in range(5):
        inbox.put(Wake())
    assert inbox.take(0.0) == [Wake(), Wake()]
    assert inbox.counters["dropped Wake"] == 3
    assert inbox.take(0.0) == []
