"""The tables of a log in the database. In migrations they are one step: two new tables.

Apart from the fleet's own: a fleet whose log lies in a folder has neither.
"""

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# One row a log. `number` counts the writers that took it over; a writer whose number it no longer
# is changes nothing. `appended` is the first index of the batch that was put in order last.
ledger_heads = Table(
    "ledger_heads",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("note", LargeBinary, nullable=False),
    Column("cosigned", LargeBinary),
    Column("number", BigInteger, nullable=False),
    Column("appended", BigInteger, nullable=False),
)

# Whose turn it is, for those who wait. `number` counts the turns, `beat` the renewals of one turn;
# `until` (milliseconds since 1970, the holder's clock) is for people, nothing is decided by it.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
)


def create_tables(connection: Connection) -> None:
    """Make those that are not there."""
    metadata.create_all(connection)
