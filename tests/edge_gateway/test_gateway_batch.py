"""Batches: bounds, deadlines, order; and reading a record's name without its key."""

import pytest
from gateway_stand import boot_record, sealed, telemetry
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.batch import Batch, Item, read_item
from edge_gateway.settings import FlushSettings, Limits
from protocol import cbor, statement
from protocol.errors import DecodeError

FLUSH, LIMITS = FlushSettings(), Limits()


def test_reads_name_and_kind() -> None:
    event, sample = read_item(sealed(3, 7)), read_item(telemetry(3, 8))
    assert event.name == (3, 7) and event.is_event and event.unsent is None
    assert sample.name == (3, 8) and not sample.is_event
    assert read_item(boot_record(4, 9)).unsent == 9


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_item(data)


items = st.builds(
    lambda seq, size, event: Item("v", (1, seq), bytes(size), event, None),
    st.integers(0, 1 << 31),
    st.integers(60, 4094),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(st.tuples(items, st.integers(0, 400)), max_size=150))
def test_all_leave_in_order_within_bounds_and_in_time(steps: list[tuple[Item, int]]) -> None:
    batch, now = Batch(FLUSH, LIMITS), 0.0
    out: list[Item] = []
    entered: dict[int, float] = {}

    def flush() -> None:
        taken = batch.take()
        for item in taken:
            wait = FLUSH.event_ms if item.is_event else FLUSH.telemetry_ms
            assert now <= entered[id(item)] + wait
        body = cbor.encode([item.data for item in taken])
        assert len(statement.decode_records(body)) <= LIMITS.records_per_statement
        assert len(body) <= LIMITS.body_bytes
        out.extend(taken)

    for item, pause in steps:
        if batch.due_ms is not None and batch.due_ms <= now + pause:
            now, pause = batch.due_ms, now + pause - batch.due_ms
            flush()
        now += pause
        if not batch.fits(item):
            flush()
        batch.add(item, now)
        entered[id(item)] = now
        assert item in batch
    now = batch.due_ms if batch.due_ms is not None else now
    if len(batch):
        flush()
    assert out == [item for item, _ in steps]
    assert batch.due_ms is None and len(batch) == 0
