"""A day without the backend, then everything: in real size, through a real broker."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_site import Stand
from gateway_stand import GATEWAY, VEHICLE, sealed, telemetry, wait_until

from edge_gateway.batch import Part
from edge_gateway.outbox import Outbox
from protocol import record, statement

EACH = 8
# The longest that live data may be late while a backlog drains.
LATE_S = 5.0


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.close()


@pytest.mark.faults
def test_a_day_at_1_hz_arrives_and_live_data_are_not_late(stand: Stand) -> None:
    outbox = Outbox(stand.folder / "gw" / "outbox.db", GATEWAY, stand.key.sign, 256 << 20)
    for first in range(0, 86_400, EACH * 200):
        seqs = range(first, first + EACH * 200, EACH)
        parts = [Part([telemetry(1, seq + n) for n in range(EACH)], EACH) for seq in seqs]
        outbox.store_parts(parts, int(time.time()), VEHICLE, {})
    waiting = outbox.count()
    outbox.close()
    assert waiting == 86_400 // EACH
    stand.broker.start()
    vcu = stand.start_vcu(boot=2)
    stand.gateway.start()
    wait_until(lambda: len(stand.backend.bodies) > 10, "the first of the backlog")
    late: list[float] = []
    while len(stand.backend.bodies) < waiting:
        vcu.add(lambda seq: sealed(2, seq))
        name, made = vcu.made[-1], time.monotonic()
        wait_until(lambda name=name: name in _newest(stand), "a live record")  # type: ignore[misc]
        late.append(time.monotonic() - made)
        time.sleep(0.5)
    wait_until(lambda: len(stand.backend.records()) >= 86_400, "all of the day")
    print(f"{len(late)} live records, at most {max(late):.2f} s late beside {waiting} statements")
    assert len(late) >= 3 and max(late) < LATE_S
    # Everything once: a chain without a gap, and no record that did not come or came twice.
    names = stand.backend.records()
    assert sorted(n for n in names if n[0] == 1) == [(1, seq) for seq in range(86_400)]
    assert stand.backend.faults == [] and vcu.faults == []
    stand.backend.check_chain()


def _newest(stand: Stand) -> set[tuple[int, int]]:
    """Names of the records in the statements with the highest numbers."""
    found = set()
    for seq in sorted(stand.backend.bodies)[-12:]:
        if statement.decode_unverified(stand.backend.statements[seq]).kind == statement.RECORDS:
            for data in statement.decode_records(stand.backend.bodies[seq]):
                one = record.decode_unverified(data)
                found.add((one.boot, one.seq))
    return found
