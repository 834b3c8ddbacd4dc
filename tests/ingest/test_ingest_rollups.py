"""What the worker stores is rolled up by its housekeeping, once the hour is over."""

import pytest
from ingest_fleet import NOW
from sqlalchemy import select

from fleet_backend.fleet import schema, telemetry
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.rollups import AHEAD_S, SETTLE_S
from fleet_backend.ingest.retainer import Retainer

HOUR = NOW // 3_600 * 3_600
OVER = HOUR + 3_600 + SETTLE_S


def due(desk) -> list[tuple[str, int]]:
    c = schema.rollups_due.c
    with desk.database.read() as connection:
        rows = connection.execute(select(c.vehicle, c.hour).order_by(c.hour))
        return [tuple(row) for row in rows]


def test_an_hour_is_due_until_the_housekeeping_has_computed_it(desk) -> None:
    desk.take(desk.gateway.message([desk.vehicle.sample(NOW, speed_mmps=n) for n in (3, 5)]))
    desk.take(desk.gateway.message([desk.vehicle.sample(NOW - 86_400, speed_mmps=9)]))
    assert due(desk) == [("v-1", HOUR - 86_400), ("v-1", HOUR)]
    retainer = Retainer(desk.database, RetentionSettings())
    retainer.step(OVER - 1)
    assert due(desk) == [("v-1", HOUR)]
    retainer.step(OVER)
    assert due(desk) == []
    with desk.database.read() as connection:
        found = telemetry.rolled_up(connection, "v-1", HOUR - 86_400, OVER, "1h")
    assert found.time == [HOUR - 86_400, HOUR]
    assert found.columns["speed_mmps_max"] == [9, 5]
    assert found.columns["speed_mmps"] == [9, 4]


@pytest.mark.parametrize("time", [0, 1_000_000, NOW + AHEAD_S + 1])
def test_a_clock_that_cannot_be_makes_no_hour_due(desk, time: int) -> None:
    desk.take(desk.gateway.message([desk.vehicle.sample(time)]))
    assert due(desk) == []
    with desk.database.read() as connection:
        assert connection.execute(select(schema.telemetry.c.time)).scalars().all() == [time]
