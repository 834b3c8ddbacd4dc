"""Older databases become what a new one is, step by step, on both engines."""

import threading
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection, insert, inspect, select, text

from fleet_backend.fleet import migrate, schema
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.errors import DatabaseError, SchemaVersionError, UpgradeError
from fleet_backend.fleet.postgres import connect
from fleet_backend.fleet.schema import VERSION, schema_version
from tests.fleet.engines import make_older

OLDER = range(1, VERSION)


def shape(connection: Connection) -> dict[str, Any]:
    """Everything about the tables but the order in which they were made."""
    found = inspect(connection)
    return {
        table: {
            "columns": [
                {**column, "type": repr(column["type"])} for column in found.get_columns(table)
            ],
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in found.get_foreign_keys(table)
            ),
            "unique": sorted(key["column_names"] for key in found.get_unique_constraints(table)),
            "indexes": sorted(
                (str(index["name"]), index["column_names"], bool(index["unique"]))
                for index in found.get_indexes(table)
            ),
            "options": found.get_table_options(table),
            "is_divided": _is_divided(connection, table),
        }
        for table in sorted(found.get_table_names())
    }


def _is_divided(connection: Connection, table: str) -> Any:
    if connection.dialect.name == "sqlite":
        query = "SELECT sql LIKE '%AUTOINCREMENT%', sql LIKE '%WITHOUT ROWID%' FROM sqlite_master"
        return tuple(connection.execute(text(f"{query} WHERE name = :n"), {"n": table}).one())
    query = "SELECT pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid) FROM pg_class"
    where = " WHERE relname = :n AND relkind IN ('r', 'p')"
    return tuple(connection.execute(text(query + where), {"n": table}).one())


@pytest.mark.parametrize("version", OLDER)
def test_a_migrated_database_and_a_new_one_have_the_same_schema(
    url: str, database: Database, version: int
) -> None:
    with closing(open_database(url)) as older:
        make_older(older, version)
        with pytest.raises(SchemaVersionError):
            older.check_schema()
        older.create_schema()
        older.create_schema()
        with older.read() as connection, database.read() as fresh:
            assert shape(connection) == shape(fresh)
            assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [
                (str(VERSION),)
            ]


def test_the_tables_are_those_that_the_programs_know(database: Database) -> None:
    with database.read() as connection:
        found = set(inspect(connection).get_table_names())
        own = {"alembic_version", "turn"} | {
            name for name in found if name.startswith("telemetry_") and name.endswith("_rest")
        }
        assert found - own == set(schema.metadata.tables)
        for table in schema.metadata.tables.values():
            columns = [column["name"] for column in inspect(connection).get_columns(table.name)]
            assert sorted(columns) == sorted(table.columns.keys())


def test_what_was_measured_before_stays_and_its_hours_are_due(url: str) -> None:
    hour = 1_790_000_000 // 3_600 * 3_600
    with closing(open_database(url)) as database:
        make_older(database, 1)
        with database._link.writers.begin() as connection:
            _put_samples(connection, [hour + 5, hour + 9, hour + 3_600, 0, 1 << 40])
        database.create_schema()
        with database.read() as connection:
            rows = connection.execute(
                select(schema.telemetry.c.speed_mmps, schema.telemetry.c.pack_temp_c)
            ).all()
            due = connection.execute(
                select(schema.rollups_due.c.hour, schema.rollups_due.c.vehicle)
            ).all()
    assert rows == [(7, None)] * 5
    assert sorted(due) == [(hour, "trike-1"), (hour + 3_600, "trike-1")]


def _put_samples(connection: Connection, times: list[int]) -> None:
    old = {"gateway": {"id": "gw-1", "public_key": b"k", "kind": "gateway", "added": 1}}
    connection.execute(insert(schema.gateways).values(old["gateway"]))
    vehicle = {
        "id": "trike-1", "gateway": "gw-1", "owner_thumbprint": b"o", "record_key": b"r",
        "key_fingerprint": b"f", "added": 1,
    }  # fmt: skip
    connection.execute(insert(schema.vehicles).values(vehicle))
    statement = {
        "id": 1, "gateway": "gw-1", "seq": 1, "hash": b"h", "prev_hash": b"p", "kind": 1,
        "time": 1, "server_time": 1, "statement": b"s", "future": False,
    }  # fmt: skip
    connection.execute(insert(schema.statements).values(statement))
    for seq, time in enumerate(times):
        row = {"vehicle": "trike-1", "boot": 1, "seq": seq, "statement_id": 1, "time": time}
        connection.execute(
            insert(schema.telemetry).values({**row, "server_time": 1, "speed_mmps": 7})
        )


def test_a_step_that_fails_leaves_the_older_database_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_database(url)) as database:
        make_older(database, 2)
        with database.read() as connection:
            before = shape(connection)
        with monkeypatch.context() as patched:
            patched.setattr(migrate, "_note", _power_cut)
            with pytest.raises(KeyError):
                database.create_schema()
        with database.read() as connection:
            assert shape(connection) == before
        database.create_schema()


def _power_cut(*_: object) -> None:
    raise KeyError


def test_an_upgrade_that_the_database_refuses_says_what_to_do(url: str) -> None:
    """Another program's table stands where a step makes one of ours."""
    with closing(open_database(url)) as database:
        make_older(database, 3)
        with database._link.writers.begin() as connection:
            connection.execute(text("CREATE TABLE gaps (theirs INTEGER)"))
        with database.read() as connection:
            before = shape(connection)
        with pytest.raises(UpgradeError, match="Nothing was changed in it"):
            database.create_schema()
        with pytest.raises(SchemaVersionError, match="start the ingest"):
            database.check_schema()
        with database._link.writers.begin() as connection:
            assert shape(connection) == before
            connection.execute(text("DROP TABLE gaps"))
        database.create_schema()


def test_programs_that_start_at_once_migrate_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOCK_MS", 1)  # whoever comes second waits all the same
    with closing(open_database(url)) as database:
        make_older(database, 3)
        failures: list[BaseException] = []

        def start() -> None:
            try:
                with closing(open_database(url)) as own:
                    own.create_schema()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures
        database.check_schema()


@pytest.mark.parametrize("stamped", ["3", "no such version"])
def test_two_tables_that_say_different_versions_are_refused(url: str, stamped: str) -> None:
    with closing(open_database(url)) as database:
        with database._link.writers.begin() as connection:
            migrate.make_version(connection, 4)
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": stamped})
        with pytest.raises(DatabaseError, match=f"of version 4 and {stamped}"):
            database.create_schema()


def test_each_step_is_frozen() -> None:
    """A step that imported the present tables would make other ones next year."""
    for path in sorted(migrate.FOLDER.rglob("*.py")):
        assert "fleet_backend" not in path.read_text().replace("fleet/migrate", ""), path


def test_a_version_that_is_no_number_of_ours_is_left_alone(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(schema_version).values(version=1))
    with pytest.raises(SchemaVersionError):
        database.create_schema()
