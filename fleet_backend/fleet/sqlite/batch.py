"""The ingest's hot path on SQLite: whole batches go to the driver.

SQLAlchemy costs more a row than SQLite itself.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Table

from fleet_backend.fleet.engine import Rows
from fleet_backend.fleet.errors import DatabaseRefusedError, ExistsError
from fleet_backend.fleet.schema import MEASURED
from fleet_backend.fleet.spans import merge_text

_STATEMENTS = (
    "INSERT INTO statements (id, gateway, seq, hash, prev_hash, kind, time, server_time, statement,"
    " future) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BODIES = "INSERT INTO bodies (statement_id, salt, body) VALUES (?, ?, ?)"
_STATE_COLUMNS = ("vehicle", "boot", "seq", "time", "server_time", *MEASURED)
_SAMPLE_COLUMNS = ("vehicle", "boot", "seq", "statement_id", "time", "server_time", *MEASURED)


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608


_SAMPLES = _insert("telemetry", _SAMPLE_COLUMNS) + " ON CONFLICT DO NOTHING"
_STATES = (
    _insert("vehicle_state", _STATE_COLUMNS)
    + " ON CONFLICT (vehicle) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _STATE_COLUMNS[1:])
)
_EVENTS = "INSERT INTO events (topic, subject, data, created) VALUES (?, ?, ?, ?)"
_COUNTERS = (
    "INSERT INTO counters (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)
_LINKS = (
    "SELECT seq, hash, prev_hash FROM statements"
    " WHERE gateway = ? AND seq BETWEEN ? AND ? ORDER BY seq"
)
_DUE = "INSERT INTO rollups_due (vehicle, hour) VALUES (?, ?) ON CONFLICT DO NOTHING"
_LEAVES = "UPDATE statements SET leaf_index = ? WHERE id = ? AND leaf_index IS NULL"


def next_statement_id(connection: Connection) -> int:
    """The first free id; nobody else takes it, for a writing transaction is alone."""
    row = _driver(connection).execute("SELECT max(id) FROM statements").fetchone()
    return int(row[0] or 0) + 1


def links(connection: Connection, gateway: str, first: int, last: int) -> Rows:
    """(seq, hash, prev_hash) of the stored statements with first <= seq <= last."""
    return _driver(connection).execute(_LINKS, (gateway, first, last)).fetchall()


def insert_statements(connection: Connection, rows: Rows) -> None:
    """(id, gateway, seq, hash, prev_hash, kind, time, server_time, statement, future).

    Raises ExistsError where one of them is stored already.
    """
    _many(connection, _STATEMENTS, rows)


def insert_bodies(connection: Connection, rows: Rows) -> None:
    """(statement id, salt, compressed body)."""
    _many(connection, _BODIES, rows)


def insert_samples(connection: Connection, rows: Rows) -> None:
    """(vehicle, boot, seq, statement id, time, server_time, values...); a stored one stays."""
    _many(connection, _SAMPLES, rows)


def mark_due(connection: Connection, rows: Rows) -> None:
    """(vehicle, hour) whose roll-ups lack something."""
    _many(connection, _DUE, rows)


def put_spans(connection: Connection, table: Table, rows: Rows) -> None:
    """Rows of a roll-up; see `spans.merge_text` for one that is there."""
    _many(connection, _insert(table.name, table.columns.keys()) + merge_text(table), rows)


def put_states(connection: Connection, rows: Rows) -> None:
    """(vehicle, boot, seq, time, server_time, values...); replaces what was there."""
    _many(connection, _STATES, rows)


def insert_events(connection: Connection, rows: Rows) -> None:
    """(topic, subject, data as JSON text, created)."""
    _many(connection, _EVENTS, rows)


def add_counters(connection: Connection, rows: Rows) -> None:
    """(name, increment)."""
    _many(connection, _COUNTERS, rows)


def assign_leaves(connection: Connection, rows: Rows) -> None:
    """(leaf index, statement id)."""
    _many(connection, _LEAVES, rows)


def _many(connection: Connection, sql: str, rows: Rows) -> None:
    with _named_errors():
        _driver(connection).executemany(sql, rows)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ExistsError(f"the batch does not fit what is stored: {error}") from error
    except sqlite3.Error as error:
        raise DatabaseRefusedError(f"the database refused a batch: {error}") from error
