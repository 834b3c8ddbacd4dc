"""The signed checkpoint as a row of the fleet's database: `CheckpointLock` for several machines.

`hold` looks and keeps nobody out: a writer that stands still must not stop its successor. What it
wakes up to do then is refused by `fence` and `swap`, each in one statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.schema import ledger_heads
from fleet_backend.ledger.errors import LockLostError, LogCorruptError, StorageError

_HEAD = ledger_heads.c


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Name what was being done. After a commit that failed nobody knows whether it was done."""
    try:
        yield
    except (SQLAlchemyError, FleetError) as error:
        words = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise StorageError(f"{what}: {words}") from None


class SqlCheckpoints:
    """Row of one log, for one writer, whose turn begins with `take`."""

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin
        self._number = 0
        self._held = b""

    def newest(self) -> bytes | None:
        """The newest checkpoint that was signed; None where there is no such log."""
        with database_errors("looking for the log's row"), self._database.read() as connection:
            return self._note(connection)

    def create(self, note: bytes, cosigned: bytes | None = None, appended: int = 0) -> bytes:
        """The row with the first checkpoint; one that is there stays. Returns what is there.

        `cosigned`, `appended`: of a log that was not begun here, and has that many entries.
        """
        with database_errors("creating the log's row"), self._database.begin() as connection:
            found = self._note(connection)
            if found is None:
                row = {"origin": self._origin, "note": note, "cosigned": cosigned, "number": 0}
                connection.execute(insert(ledger_heads).values(**row, appended=appended))
        return note if found is None else found

    def take(self) -> bytes:
        with database_errors("taking the log over"), self._database.begin() as connection:
            # The update comes first: what is read after it, no other writer can change any more.
            mine = update(ledger_heads).where(_HEAD.origin == self._origin)
            connection.execute(mine.values(number=_HEAD.number + 1))
            query = select(_HEAD.note, _HEAD.number).where(_HEAD.origin == self._origin)
            row = connection.execute(query).first()
            if row is None:
                raise LogCorruptError(f"the database knows no log {self._origin!r}")
            self._number = row.number
        return bytes(row.note)

    @contextmanager
    def hold(self, note: bytes) -> Iterator[None]:
        with database_errors("looking for the newest checkpoint"), self._database.read() as reading:
            query = select(_HEAD.note, _HEAD.number).where(_HEAD.origin == self._origin)
            row = reading.execute(query).first()
        if row is None or (bytes(row.note), row.number) != (note, self._number):
            raise LockLostError("another writer took the log over")
        self._held = note
        yield

    def swap(self, old: bytes, new: bytes) -> None:
        with database_errors("keeping the signed checkpoint"), self._database.begin() as writing:
            self._change(writing, old, note=new)
        self._held = new

    def cosigned(self) -> bytes | None:
        with database_errors("looking for the cosigned note"), self._database.read() as reading:
            query = select(_HEAD.cosigned).where(_HEAD.origin == self._origin)
            found = reading.execute(query).scalar()
        return None if found is None else bytes(found)

    def keep_cosigned(self, note: bytes | None) -> None:
        with database_errors("keeping the cosigned checkpoint"), self._database.begin() as writing:
            self._change(writing, self._held, cosigned=note)

    def fence(self, connection: Connection, first: int) -> None:
        """Within a writing transaction: it may put a batch that begins at `first` in order.

        Raises LockLostError. No other writer gets further than this until the transaction ends.
        """
        self._change(connection, self._held, appended=first)

    def appended(self) -> int:
        """First index of the batch that was put in order last."""
        with database_errors("reading the log's row"), self._database.read() as reading:
            query = select(_HEAD.appended).where(_HEAD.origin == self._origin)
            return int(reading.execute(query).scalar_one())

    def close(self) -> None:
        """The connections are the database's."""

    def _change(self, connection: Connection, newest: bytes, **values: bytes | int | None) -> None:
        mine = _HEAD.origin == self._origin, _HEAD.number == self._number, _HEAD.note == newest
        if connection.execute(update(ledger_heads).where(*mine).values(values)).rowcount != 1:
            raise LockLostError("another writer took the log over or moved it on")

    def _note(self, connection: Connection) -> bytes | None:
        query = select(_HEAD.note).where(_HEAD.origin == self._origin)
        found = connection.execute(query).scalar()
        return None if found is None else bytes(found)
