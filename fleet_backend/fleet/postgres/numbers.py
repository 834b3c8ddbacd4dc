"""How far PostgreSQL's sequences have counted: a number that was given once is not given again."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, text

from fleet_backend.fleet.schema import metadata


def highest(connection: Connection) -> dict[str, int]:
    """The highest number that was given, by table."""
    found = {}
    for name, sequence in _sequences(connection):
        query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
        found[name] = int(connection.execute(query).scalar_one())
    return found


def go_on_after(connection: Connection, numbers: Mapping[str, int]) -> None:
    """The next number is above these, and above those of all rows."""
    for name, sequence in _sequences(connection):
        rows = connection.execute(text(f"SELECT max(id) FROM {name}")).scalar() or 0  # noqa: S608
        number = max(int(rows), numbers.get(name, 0))
        if number:
            raised = {"sequence": sequence, "number": number}
            connection.execute(text("SELECT setval(:sequence, :number)"), raised)


def _sequences(connection: Connection) -> Iterator[tuple[str, str]]:
    """(table, its sequence) of each whose rows number themselves."""
    for table in metadata.sorted_tables:
        if table.autoincrement_column is None:
            continue
        place = {"name": table.name, "column": table.autoincrement_column.name}
        query = text("SELECT pg_get_serial_sequence(:name, :column)")
        sequence = connection.execute(query, place).scalar()
        if sequence is not None:
            yield table.name, str(sequence)
