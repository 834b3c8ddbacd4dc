"""SQLite divides nothing: the rows of a vehicle lie together, and go one by one."""

from sqlalchemy import Connection


def make_ahead(connection: Connection, now: int) -> int:
    """Nothing to make."""
    return 0


def drop_before(connection: Connection, table: str, before: int, arrival: str = "") -> int:
    """Nothing to drop: the rows are deleted."""
    return 0
