"""SQLite divides nothing: the rows of a vehicle lie together, and go one by one."""

from collections.abc import Collection

from sqlalchemy import Connection


def make_ahead(connection: Connection, now: int) -> int:
    """Nothing to make."""
    return 0


def make_days(connection: Connection, wanted: Collection[int]) -> int:
    """Nothing to make."""
    return 0


def keep(connection: Connection) -> None:
    """Nothing to keep: what a transaction saw it goes on seeing."""


def drop_before(connection: Connection, table: str, before: int, arrival: str = "") -> int:
    """Nothing to drop: the rows are deleted."""
    return 0
