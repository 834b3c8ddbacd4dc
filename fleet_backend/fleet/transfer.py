"""Copies a whole database into another one, row by row, from either engine to either.

Both engines have the same tables (`fleet/schema`). What belongs to the programs that run, and not
to the fleet, stays behind: the version, which the new tables have of their own; whose turn it is;
and the head of a shared log, without which nobody signs it; `trifleet/backups/restore.py` has why.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, func, insert, select, text

from fleet_backend.fleet import engine
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.schema import leases, ledger_heads, metadata, schema_version, telemetry
from fleet_backend.fleet.schema import telemetry_1s as seconds

ROWS_AT_ONCE = 2_000
# Partitions are made for days that may be: what a clock gone wrong says lies in the default one.
BEHIND_DAYS = 1_200
AHEAD_DAYS = 8
_DAY_S = 86_400
_STAYS = (schema_version, ledger_heads, leases)
T = TypeVar("T")
Counts = dict[str, int]


def take(source: Database, target: Path, meanwhile: Callable[[], T]) -> T:
    """Copy `source` as it is at one moment to the new SQLite file `target`, while others write.

    `meanwhile` is called while nobody can write, at the moment of the copy: what it reads elsewhere
    belongs to it. Writers wait for that call only, not for the copying. Raises FleetError.
    """
    source.check_schema()
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise DatabaseError(f"cannot write {target}: {error.strerror}") from error
    with source.read() as reader:
        with source.begin():  # our turn: nobody else is in the middle of his
            engine.partitions(reader).keep(reader)
            reader.execute(select(func.count()).select_from(schema_version)).scalar()
            found = meanwhile()
        with closing(open_database(f"sqlite:///{target}")) as copy:
            copy.make_filled(lambda writing: copy_rows(reader, writing))
            copy.empty_log()
    return found


def copy_rows(source: Connection, target: Connection) -> Counts:
    """Every row of `source` into the empty tables of `target`; returns how many stand there.

    Raises DatabaseError where a table has fewer of them than it was given.
    """
    _make_partitions(source, target)
    counts = {table.name: _copy_table(table, source, target) for table in _tables()}
    engine.numbers(target).go_on_after(target, engine.numbers(source).highest(source))
    return counts


def count_rows(connection: Connection) -> Counts:
    """How many rows each table has that is copied."""
    return {table.name: _count(table, connection) for table in _tables()}


def forget_programs(connection: Connection) -> None:
    """In a copy of a whole file: what stays behind otherwise."""
    for table in (ledger_heads, leases):
        connection.execute(table.delete())


def _tables() -> list[Table]:
    """Those that others refer to come first."""
    return [table for table in metadata.sorted_tables if table not in _STAYS]


def _copy_table(table: Table, source: Connection, target: Connection) -> int:
    into = insert(table)
    if table is telemetry and target.dialect.name == "sqlite":
        # The key of a sample on PostgreSQL holds its time, here it does not: of two samples that
        # say to be the same one the first is kept, as the ingest does on SQLite.
        into = into.prefix_with("OR IGNORE")
    given = 0
    pieces = {"yield_per": ROWS_AT_ONCE}
    found = source.execute(_ordered(table, source), execution_options=pieces)
    for rows in found.mappings().partitions():
        target.execute(into, [dict(row) for row in rows])
        given += len(rows)
    stands = _count(table, target)
    if stands != given and table is not telemetry:
        raise DatabaseError(f"of {given} rows of {table.name} {stands} were copied")
    return stands


def _ordered(table: Table, source: Connection) -> Select[Any]:
    """Samples by arrival, so that the first of two is the first; the rest as it lies."""
    query = select(table)
    if table is telemetry and source.dialect.name != "sqlite":
        return query.order_by(table.c.server_time)
    return query


def _count(table: Table, connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _make_partitions(source: Connection, target: Connection) -> None:
    if target.dialect.name == "sqlite":
        return
    today = int(time.time()) // _DAY_S
    days: set[int] = set()
    for table in (telemetry, seconds):
        query = text(f"SELECT DISTINCT time / {_DAY_S} FROM {table.name}")  # noqa: S608
        days.update(int(day) for day in source.execute(query).scalars())
    wanted = {day for day in days if today - BEHIND_DAYS <= day <= today + AHEAD_DAYS}
    engine.partitions(target).make_days(target, sorted(wanted))
