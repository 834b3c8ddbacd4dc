"""The ingest's hot path on PostgreSQL: one statement a batch, one array a column.

Whole numbers travel as the text of an array, which costs a third of psycopg's own lists and of
COPY into a table of its own; `make bench` shows it (`tests/bench/bench_telemetry.py`).
"""

from collections.abc import Sequence
from typing import Any

from psycopg.errors import IntegrityError
from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError as WrappedIntegrityError

from fleet_backend.fleet.engine import Rows
from fleet_backend.fleet.errors import ExistsError
from fleet_backend.fleet.schema import MEASURED
from fleet_backend.fleet.spans import merge_text

_INT, _TEXT, _BYTES, _BOOL = "bigint", "text", "bytea", "boolean"
_STATEMENT_TYPES = (_INT, _TEXT, _INT, _BYTES, _BYTES, _INT, _INT, _INT, _BYTES, _BOOL)
_MEASURED_TYPES = (_INT,) * len(MEASURED)
_STATE_COLUMNS = ("vehicle", "boot", "seq", "time", "server_time", *MEASURED)
_SAMPLE_COLUMNS = ("vehicle", "boot", "seq", "statement_id", "time", "server_time", *MEASURED)


def _insert(table: str, columns: Sequence[str], types: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608


_STATEMENTS = _insert(
    "statements",
    ("id", "gateway", "seq", "hash", "prev_hash", "kind", "time", "server_time", "statement",
     "future"),
    _STATEMENT_TYPES,
)  # fmt: skip
_BODIES = _insert("bodies", ("statement_id", "salt", "body"), (_INT, _BYTES, _BYTES))
_SAMPLES = (
    _insert("telemetry", _SAMPLE_COLUMNS, (_TEXT, *(_INT,) * 5, *_MEASURED_TYPES))
    + " ON CONFLICT DO NOTHING"
)
_STATES = (
    _insert("vehicle_state", _STATE_COLUMNS, (_TEXT, *(_INT,) * 4, *_MEASURED_TYPES))
    + " ON CONFLICT (vehicle) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _STATE_COLUMNS[1:])
)
_DUE = _insert("rollups_due", ("vehicle", "hour"), (_TEXT, _INT)) + " ON CONFLICT DO NOTHING"
# In the order of the rows: their numbers are what the live streams follow.
_EVENTS = (
    "INSERT INTO events (topic, subject, data, created) SELECT topic, subject, data::json, created"
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])"
    " WITH ORDINALITY AS rows (topic, subject, data, created, place) ORDER BY place"
)
_COUNTERS = (
    _insert("counters", ("name", "value"), (_TEXT, _INT))
    + " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value"
)
_LINKS = (
    "SELECT seq, hash, prev_hash FROM statements"
    " WHERE gateway = %s AND seq BETWEEN %s AND %s ORDER BY seq"
)
_LEAVES = (
    "UPDATE statements SET leaf_index = places.leaf"
    " FROM unnest(%s::bigint[], %s::bigint[]) AS places (leaf, id)"
    " WHERE statements.id = places.id AND leaf_index IS NULL"
)


def next_statement_id(connection: Connection) -> int:
    found = connection.exec_driver_sql("SELECT max(id) FROM statements").scalar()
    return int(found or 0) + 1


def links(connection: Connection, gateway: str, first: int, last: int) -> Rows:
    rows = connection.exec_driver_sql(_LINKS, (gateway, first, last)).all()
    return [tuple(row) for row in rows]


def insert_statements(connection: Connection, rows: Rows) -> None:
    _put(connection, _STATEMENTS, rows)


def insert_bodies(connection: Connection, rows: Rows) -> None:
    _put(connection, _BODIES, rows)


def insert_samples(connection: Connection, rows: Rows) -> None:
    _put(connection, _SAMPLES, rows)


def mark_due(connection: Connection, rows: Rows) -> None:
    _put(connection, _DUE, rows)


def put_spans(connection: Connection, table: Table, rows: Rows) -> None:
    types = (_TEXT, *(_INT,) * (len(table.columns) - 1))
    sql = _insert(table.name, table.columns.keys(), types) + merge_text(table)
    _put(connection, sql, rows)


def put_states(connection: Connection, rows: Rows) -> None:
    _put(connection, _STATES, rows)


def insert_events(connection: Connection, rows: Rows) -> None:
    _put(connection, _EVENTS, rows)


def add_counters(connection: Connection, rows: Rows) -> None:
    _put(connection, _COUNTERS, rows)


def assign_leaves(connection: Connection, rows: Rows) -> None:
    _put(connection, _LEAVES, rows)


def _put(connection: Connection, sql: str, rows: Rows) -> None:
    if not rows:
        return
    arrays = tuple(_array(column) for column in zip(*rows, strict=True))
    try:
        connection.exec_driver_sql(sql, arrays)
    except WrappedIntegrityError as error:
        assert isinstance(error.orig, IntegrityError)
        told = error.orig.diag.message_primary
        # The server's DETAIL repeats values of the row.
        raise ExistsError(f"the batch does not fit what is stored: {told}") from None


def _array(column: Sequence[Any]) -> object:
    """Whole numbers and nulls as the text of an array; what holds text or bytes as a list."""
    if all(value is None or type(value) is int for value in column):
        return "{" + ",".join(["NULL" if value is None else str(value) for value in column]) + "}"
    return list(column)
