"""Counters for /metrics, kept in the transaction that did what they count."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from fleet_backend.fleet.schema import counters


def add(connection: Connection, increments: Mapping[str, int]) -> None:
    """Raise counters by name; one that is not there begins at 0."""
    for name, increment in sorted(increments.items()):
        raised = counters.c.value + increment
        query = update(counters).where(counters.c.name == name).values(value=raised)
        if increment and not connection.execute(query).rowcount:
            connection.execute(insert(counters).values(name=name, value=increment))


def values(connection: Connection) -> dict[str, int]:
    """All counters."""
    return {row.name: row.value for row in connection.execute(select(counters))}
