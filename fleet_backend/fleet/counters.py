"""Counters for /metrics, kept in the transaction that did what they count."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from fleet_backend.fleet import engine
from fleet_backend.fleet.schema import counters


def add(connection: Connection, increments: Mapping[str, int]) -> None:
    """Raise counters by name; one that is not there begins at 0."""
    rows = [(name, increment) for name, increment in sorted(increments.items()) if increment]
    engine.batch(connection).add_counters(connection, rows)


def values(connection: Connection) -> dict[str, int]:
    """All counters."""
    return {row.name: row.value for row in connection.execute(select(counters))}
