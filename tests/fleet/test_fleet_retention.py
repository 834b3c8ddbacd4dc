"""How long each kind of data is kept: to the second, and never what a proof needs."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from fleet_backend.fleet import schema
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.retention import (
    DAY_S,
    KINDS,
    PIECE,
    RetentionSettings,
    as_markdown,
    lasts,
    retain,
)
from protocol import record

NOW = 1_790_000_000
DAYS = {name.name: number for number, name in enumerate(fields(RetentionSettings), 3)}
SETTINGS = RetentionSettings(**DAYS)


@pytest.fixture
def connection(shared: Database) -> Iterator[Connection]:
    """A gateway and its vehicle, in a transaction that leaves nothing behind."""
    with shared.begin() as connection:
        gateway = {"id": "gw-1", "public_key": bytes(32), "kind": "gateway", "added": 1}
        connection.execute(insert(schema.gateways).values(gateway))
        vehicle = {
            "id": "trike-1", "gateway": "gw-1", "owner_thumbprint": bytes(32),
            "record_key": bytes(32), "key_fingerprint": bytes(32), "added": 1,
        }  # fmt: skip
        connection.execute(insert(schema.vehicles).values(vehicle))
        yield connection
        connection.rollback()


def put_statement(connection: Connection, number: int, time: int) -> None:
    row = {
        "id": number, "gateway": "gw-1", "seq": number, "hash": bytes([number]) * 32,
        "prev_hash": bytes(32), "kind": 1, "time": time, "server_time": time,
        "statement": b"s", "leaf_index": number, "future": False,
    }  # fmt: skip
    connection.execute(insert(schema.statements).values(row))


def put_bodies(connection: Connection, number: int, time: int) -> None:
    put_statement(connection, number, time)
    row = {"statement_id": number, "salt": bytes(16), "body": b"b"}
    connection.execute(insert(schema.bodies).values(row))


def put_telemetry(connection: Connection, number: int, time: int) -> None:
    put_statement(connection, number, time)
    place = {"vehicle": "trike-1", "boot": 1, "seq": number, "statement_id": number}
    connection.execute(
        insert(schema.telemetry).values({**place, "time": time, "server_time": time})
    )


def put_records(connection: Connection, number: int, time: int) -> None:
    put_statement(connection, number, time)
    row = {
        "id": number, "vehicle": "trike-1", "boot": 1, "seq": number, "statement_id": number,
        "kind": record.LOCK, "uptime_ms": 1, "time": time, "server_time": time, "body": {},
    }  # fmt: skip
    connection.execute(insert(schema.records).values(row))


def put_commands(connection: Connection, number: int, time: int) -> None:
    row = {
        "id": bytes([number]) * 16, "vehicle": "trike-1", "action": 1, "presentation": b"p",
        "state": "executed", "created": time, "expires": time, "updated": time,
    }  # fmt: skip
    connection.execute(insert(schema.commands).values(row))


def put_grants(connection: Connection, number: int, time: int) -> None:
    row = {
        "public_id": str(number), "vehicle": "trike-1", "holder": bytes(32),
        "request": bytes([number]), "state": "issued", "created": time, "updated": time,
    }  # fmt: skip
    connection.execute(insert(schema.grants).values(row))


def put_events(connection: Connection, number: int, time: int) -> None:
    row = {"topic": "vehicle", "subject": "trike-1", "data": {}, "created": time}
    connection.execute(insert(schema.events).values(row))


def put_repeats(connection: Connection, number: int, time: int) -> None:
    row = {
        "key": str(number), "route": "r", "request_hash": b"h", "status": 200, "answer": b"a",
        "created": time,
    }  # fmt: skip
    connection.execute(insert(schema.idempotency).values(row))


def put_refused(connection: Connection, number: int, time: int) -> None:
    row = {
        "gateway": "gw-1", "topic": "t", "reason": "r", "detail": "d", "authentic": True,
        "digest": b"d", "message": b"m", "server_time": time,
    }  # fmt: skip
    connection.execute(insert(schema.quarantine).values(row))


def put_riders(connection: Connection, number: int, time: int) -> None:
    row = {"thumbprint": bytes([number]) * 32, "public_key": b"k", "added": time}
    connection.execute(insert(schema.riders).values(row))


def put_span(table: Any) -> Any:
    def put(connection: Connection, number: int, time: int) -> None:
        place = dict.fromkeys(("samples", "first_boot", "first_seq", "last_boot", "last_seq"), 1)
        connection.execute(insert(table).values(vehicle="trike-1", time=time, **place))

    return put


KEPT: dict[str, tuple[Any, Any]] = {
    "telemetry": (put_telemetry, schema.telemetry),
    "telemetry_1s": (put_span(schema.telemetry_1s), schema.telemetry_1s),
    "telemetry_1min": (put_span(schema.telemetry_1min), schema.telemetry_1min),
    "telemetry_1h": (put_span(schema.telemetry_1h), schema.telemetry_1h),
    "bodies": (put_bodies, schema.bodies),
    "records": (put_records, schema.records),
    "commands": (put_commands, schema.commands),
    "grants": (put_grants, schema.grants),
    "events": (put_events, schema.events),
    "repeats": (put_repeats, schema.idempotency),
    "refused": (put_refused, schema.quarantine),
    "riders": (put_riders, schema.riders),
}


def count(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_row_stays_to_its_last_second_and_goes_in_the_next(
    connection: Connection, name: str
) -> None:
    put, table = KEPT[name]
    last = NOW - SETTINGS.of(name) * DAY_S
    put(connection, 1, last - 1)
    put(connection, 2, last)
    put(connection, 3, NOW)
    assert retain(connection, SETTINGS, NOW) == {name: 1}
    assert count(connection, table) == 2
    assert retain(connection, SETTINGS, NOW + 1) == {name: 1}
    assert retain(connection, SETTINGS, NOW + 1) == {}


def test_every_setting_has_a_kind_and_a_rule() -> None:
    named = {f"{name}_days" for name in KEPT}
    assert named == set(DAYS) == {kind.days for kind in KINDS if kind.days}
    assert all(bool(kind.days) != bool(kind.until) for kind in KINDS)


def test_positions_never_stay_longer_than_the_samples() -> None:
    """Who shortened `telemetry_days` before there were spans meant positions."""
    settings = RetentionSettings(telemetry_days=7)
    assert settings.of("telemetry_1s") == 7
    (kind,) = [kind for kind in KINDS if kind.days == "telemetry_1s_days"]
    assert lasts(kind, settings) == "7 days"
    assert RetentionSettings(telemetry_days=365).of("telemetry_1s") == 90


@pytest.mark.parametrize(
    "days",
    [
        {"telemetry_1h_days": 30},
        {"telemetry_1min_days": 30},
        {"telemetry_1s_days": 400},
        {"telemetry_1min_days": 2_000},
    ],
)
def test_spans_of_an_hour_stay_longest(days: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="must not be less"):
        RetentionSettings(**days)


def test_every_table_is_in_a_kind() -> None:
    told = " ".join(kind.where for kind in KINDS)
    missing = {name for name in schema.metadata.tables if f"`{name}`" not in told}
    assert missing == {"schema_version"}


def test_statements_are_never_deleted(connection: Connection) -> None:
    put_bodies(connection, 1, 1)
    put_telemetry(connection, 2, 1)
    assert retain(connection, SETTINGS, NOW) == {"bodies": 1, "telemetry": 1}
    assert count(connection, schema.statements) == 2


def test_a_record_goes_with_the_command_that_it_answered(connection: Connection) -> None:
    put_records(connection, 1, 1)
    put_commands(connection, 1, NOW)
    answered = schema.commands.update().values(record_id=1)
    connection.execute(answered)
    assert retain(connection, SETTINGS, NOW) == {}
    later = NOW + DAYS["commands_days"] * DAY_S + 1
    assert retain(connection, SETTINGS, later) == {"commands": 1, "records": 1}


def test_a_rider_with_a_grant_stays(connection: Connection) -> None:
    put_riders(connection, 0, 1)
    put_grants(connection, 1, NOW)
    assert retain(connection, SETTINGS, NOW) == {}
    later = NOW + DAYS["grants_days"] * DAY_S + 1
    assert retain(connection, SETTINGS, later) == {"grants": 1}
    assert retain(connection, SETTINGS, later) == {"riders": 1}


@pytest.mark.parametrize(("time", "goes"), [(0, True), (NOW + 100, False), (1 << 40, True)])
def test_a_sample_with_a_wrong_clock_is_kept_by_the_servers(
    connection: Connection, time: int, goes: bool
) -> None:
    """None at all and one that cannot be go in time; one that is a little ahead, when it is old."""
    put_telemetry(connection, 1, 1)
    connection.execute(schema.telemetry.update().values(time=time))
    assert bool(retain(connection, SETTINGS, NOW)) is goes
    much_later = NOW + 101 + DAYS["telemetry_days"] * DAY_S
    assert bool(retain(connection, SETTINGS, much_later)) is not goes


def test_a_late_delivery_counts_from_its_arrival(connection: Connection) -> None:
    put_telemetry(connection, 1, NOW)
    connection.execute(schema.telemetry.update().values(time=1))
    assert retain(connection, SETTINGS, NOW) == {}


def test_many_rows_go_in_pieces(connection: Connection) -> None:
    rows = [
        {"topic": "vehicle", "subject": "t", "data": {}, "created": 1} for _ in range(PIECE + 1)
    ]
    connection.execute(insert(schema.events), rows)
    assert retain(connection, SETTINGS, NOW) == {"events": PIECE}
    assert retain(connection, SETTINGS, NOW) == {"events": 1}
    assert retain(connection, SETTINGS, NOW) == {}


def test_how_long_is_said_in_words() -> None:
    said = {kind.name: lasts(kind, RetentionSettings()) for kind in KINDS}
    assert said["repeats"] == "1 day"
    assert said["telemetry"] == "90 days"
    assert said["challenges"] == "two minutes, or its use"


def test_the_documents_show_the_table_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs/privacy.md").read_text()
    assert as_markdown(RetentionSettings()) in text
