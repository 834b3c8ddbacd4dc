"""Which engine a database runs on, decided here and nowhere else.

`link` opens one, `batch` is the ingest's hot path on the engine of a connection. Both engines have
the same functions in files of the same names (`sqlite/`, `postgres/`).
"""

import importlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import URL, Connection, Engine, Table
from sqlalchemy.exc import DBAPIError

from fleet_backend.fleet.errors import DatabaseError, FleetError

# SQLAlchemy's name of the engine -> the folder and the class of its link.
_ENGINES = {"sqlite": ("sqlite", "SqliteLink"), "postgresql": ("postgres", "PostgresLink")}
_PACKAGE = "fleet_backend.fleet"

Rows = Sequence[tuple[Any, ...]]


class Changes(Protocol):
    """For who polls; one thread."""

    def any(self) -> bool:
        """Was anything committed since this was last asked? Yes in doubt."""

    def close(self) -> None: ...


class Link(Protocol):
    """Connections to one database. Safe to share between threads."""

    writers: Engine
    readers: Engine

    def take_turn(self, connection: Connection) -> None:
        """Wait until nobody else writes; the turn ends with the transaction."""

    def require_durable(self, connection: Connection) -> None:
        """After a commit: is it where it has to be? Raises DatabaseLostError."""

    def lock_schema(self, connection: Connection) -> None:
        """Wait until nobody else makes or changes tables, which need not be there yet."""

    def make_tables(self, connection: Connection) -> None:
        """In an empty database."""

    def named(self, error: DBAPIError) -> FleetError:
        """A driver's error as one of ours, without what was to be written."""

    def scrub(self) -> None:
        """Take what was deleted out of the stored bytes."""

    def empty_log(self) -> None:
        """Take it out of the write-ahead log, as far as that is ours."""

    def changes(self) -> Changes: ...


class Batch(Protocol):
    """Whole batches of rows, by place; the contracts are those of `sqlite/batch.py`."""

    def next_statement_id(self, connection: Connection) -> int: ...
    def links(self, connection: Connection, gateway: str, first: int, last: int) -> Rows: ...
    def insert_statements(self, connection: Connection, rows: Rows) -> None: ...
    def insert_bodies(self, connection: Connection, rows: Rows) -> None: ...
    def insert_samples(self, connection: Connection, rows: Rows) -> None: ...
    def mark_due(self, connection: Connection, rows: Rows) -> None: ...
    def put_spans(self, connection: Connection, table: Table, rows: Rows) -> None: ...
    def put_states(self, connection: Connection, rows: Rows) -> None: ...
    def insert_events(self, connection: Connection, rows: Rows) -> None: ...
    def add_counters(self, connection: Connection, rows: Rows) -> None: ...
    def assign_leaves(self, connection: Connection, rows: Rows) -> None: ...


class Partitions(Protocol):
    """What is divided by time; the contracts are those of `postgres/partitions.py`."""

    def make_ahead(self, connection: Connection, now: int) -> int: ...
    def make_days(self, connection: Connection, wanted: Collection[int]) -> int: ...
    def keep(self, connection: Connection) -> None: ...
    def drop_before(
        self, connection: Connection, table: str, before: int, arrival: str = ""
    ) -> int: ...


class Numbers(Protocol):
    """How far the engine has counted, by table, for rows that number themselves."""

    def highest(self, connection: Connection) -> dict[str, int]: ...
    def go_on_after(self, connection: Connection, numbers: Mapping[str, int]) -> None: ...


def link(url: URL) -> Link:
    """Open the database of a URL. Raises DatabaseError."""
    name = url.get_backend_name()
    if name not in _ENGINES:
        raise DatabaseError(f"no support for {name!r} databases")
    return cast(Link, getattr(_module(name, "connect"), _ENGINES[name][1])(url))


def batch(connection: Connection) -> Batch:
    """The hot path of the engine of this connection."""
    return cast(Batch, _module(connection.dialect.name, "batch"))


def partitions(connection: Connection) -> Partitions:
    """How the engine of this connection divides telemetry."""
    return cast(Partitions, _module(connection.dialect.name, "partitions"))


def numbers(connection: Connection) -> Numbers:
    """How the engine of this connection numbers rows."""
    return cast(Numbers, _module(connection.dialect.name, "numbers"))


def _module(name: str, file: str) -> Any:
    # Not before it is used: the driver of PostgreSQL is an optional package.
    return importlib.import_module(f"{_PACKAGE}.{_ENGINES[name][0]}.{file}")
