"""The tables as PostgreSQL has them: whose turn it is, and what is divided by time."""

from sqlalchemy import BigInteger, Boolean, Column, Connection, MetaData, Table, insert

from fleet_backend.fleet.postgres import partitions
from fleet_backend.fleet.schema import metadata, partitioned_telemetry, telemetry

_own = MetaData()

# One row. Its number is raised by every transaction that may write, before anything else.
turn = Table(
    "turn",
    _own,
    Column("one", Boolean, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
TAKE_TURN = "UPDATE turn SET number = number + 1"
WHOSE_TURN = "SELECT number FROM turn"


def make_tables(connection: Connection) -> None:
    """In an empty database."""
    ours = [table for table in metadata.sorted_tables if table is not telemetry]
    metadata.create_all(connection, tables=ours)
    partitioned_telemetry.create(connection)
    make_turn(connection)
    partitions.make_defaults(connection)


def make_turn(connection: Connection) -> None:
    """The row that writers wait for."""
    turn.create(connection)
    connection.execute(insert(turn).values(one=True, number=0))
