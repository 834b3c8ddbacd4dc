"""A shared log in the database (`fleet_backend/logstore/`): newest checkpoint, whose turn it is.

Both tables are empty where the log lies in a folder.
"""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from fleet_backend.fleet.schema.base import metadata

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
