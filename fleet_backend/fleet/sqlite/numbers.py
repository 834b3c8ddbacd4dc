"""How far SQLite has counted: a number that was given once is not given again."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from fleet_backend.fleet.schema import metadata


def highest(connection: Connection) -> dict[str, int]:
    """The highest number that was given, by table."""
    found = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
    return {str(name): int(number) for name, number in found}


def go_on_after(connection: Connection, numbers: Mapping[str, int]) -> None:
    """The next number is above these, and above those of all rows."""
    here = highest(connection)
    for name, number in numbers.items():
        # Where SQLite counts by the rows alone there is nothing to raise.
        table = metadata.tables.get(name)
        if table is None or not table.dialect_options["sqlite"]["autoincrement"]:
            continue
        place = {"name": name, "number": max(number, here.get(name, 0))}
        known = "UPDATE sqlite_sequence SET seq = :number WHERE name = :name"
        if not connection.execute(text(known), place).rowcount:
            new = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"
            connection.execute(text(new), place)
