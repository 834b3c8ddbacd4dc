"""The order of the log's entries in the fleet's database: `EntryOrder` for several machines.

`statements.leaf_index` is the write-ahead log. It is committed before any tile is written and never
changed, so whoever goes on integrates the same entries at the same places.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from fleet_backend.fleet import counters, statements
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.schema import statements as table
from fleet_backend.ledger.errors import LogCorruptError
from fleet_backend.ledger.wal import Batch
from fleet_backend.logstore.checkpoints import SqlCheckpoints, database_errors


class StatementOrder:
    """Gives stored statements their places, in the name of the writer that holds `checkpoints`."""

    def __init__(self, database: Database, checkpoints: SqlCheckpoints) -> None:
        self._database = database
        self._checkpoints = checkpoints

    def read(self) -> Iterator[Batch]:
        first = self._checkpoints.appended()
        query = select(table.c.leaf_index, table.c.statement).where(table.c.leaf_index >= first)
        with database_errors("reading the order"), self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.leaf_index)).all()
        for due, row in enumerate(rows, first):
            if row.leaf_index != due:
                raise LogCorruptError(f"the database knows no entry {due} of the ledger")
        if rows:
            yield Batch(first, tuple(bytes(row.statement) for row in rows))

    def rewrite(self, batches: Sequence[Batch]) -> None:
        """They stand in the database, whose commits are durable or not there."""

    def append(self, batch: Batch) -> None:
        with database_errors("putting entries in order"), self._database.begin() as connection:
            self._checkpoints.fence(connection, batch.first)
            end = statements.next_leaf(connection)
            if end != batch.first:
                raise LogCorruptError(f"the order ends at {end}, not at {batch.first}")
            statements.assign_leaves(connection, _places(connection, batch))
            counters.add(connection, {"ledger_entries": len(batch.entries)})

    def trim(self) -> None:
        """Nothing is stored twice."""

    def close(self) -> None:
        """The connections are the database's."""


def _places(connection: Connection, batch: Batch) -> list[tuple[int, int]]:
    """(statement id, index) of each entry. Raises LogCorruptError for one that may have none."""
    hashes = [statements.hash_of(entry) for entry in batch.entries]
    query = select(table.c.hash, table.c.id, table.c.leaf_index).where(table.c.hash.in_(hashes))
    found = {bytes(row.hash): row for row in connection.execute(query)}
    if len(set(hashes)) != len(hashes):
        raise LogCorruptError("a batch holds one statement twice")
    places = []
    for index, name in enumerate(hashes, batch.first):
        row = found.get(name)
        if row is None:
            raise LogCorruptError(f"entry {index} is no statement of the database")
        if row.leaf_index is not None:
            raise LogCorruptError(f"entry {index} stands at {row.leaf_index} already")
        places.append((row.id, index))
    return places
