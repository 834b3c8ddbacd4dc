"""Statements as they were signed, their place in the ledger, and their erasable bodies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select

from fleet_backend.fleet import engine, gateway_keys
from fleet_backend.fleet.errors import ErasedError, NotLoggedError, UnknownError
from fleet_backend.fleet.schema import bodies, statements
from protocol import statement as wire


@dataclass(frozen=True)
class NewStatement:
    """A statement that its receiver has verified, with what it commits to."""

    gateway: str
    seq: int
    hash: bytes
    prev_hash: bytes
    kind: int
    time: int
    statement: bytes
    salt: bytes
    packed_body: bytes
    future: bool = False


@dataclass(frozen=True)
class StatementRow:
    id: int
    gateway: str
    seq: int
    hash: bytes
    prev_hash: bytes
    kind: int
    time: int
    server_time: int
    statement: bytes
    leaf_index: int | None
    future: bool


@dataclass(frozen=True)
class Body:
    salt: bytes
    packed: bytes


@dataclass(frozen=True)
class Link:
    """A statement's place in its gateway's chain."""

    seq: int
    hash: bytes
    prev_hash: bytes


@dataclass(frozen=True)
class Unlogged:
    id: int
    statement: bytes


def insert_one(connection: Connection, new: NewStatement, now: int) -> int:
    """Keep a statement with its body; it waits for the ledger from now on. Returns its id."""
    statement_id = insert_sealed(connection, new, now)
    keep_body(connection, statement_id, Body(new.salt, new.packed_body))
    return statement_id


def insert_sealed(connection: Connection, new: NewStatement, now: int) -> int:
    """Keep a statement without its body, which is shown later, if at all. Returns its id."""
    row = {name: value for name, value in vars(new).items() if name not in ("salt", "packed_body")}
    statement_id = engine.batch(connection).next_statement_id(connection)
    connection.execute(insert(statements).values({**row, "id": statement_id, "server_time": now}))
    return statement_id


def keep_body(connection: Connection, statement_id: int, shown: Body) -> None:
    """Keep what a statement commits to."""
    row = {"statement_id": statement_id, "salt": shown.salt, "body": shown.packed}
    connection.execute(insert(bodies).values(row))


def head(connection: Connection, gateway: str) -> Link | None:
    """The newest statement of a gateway: what its next one continues."""
    columns = statements.c.seq, statements.c.hash, statements.c.prev_hash
    own = select(*columns).where(statements.c.gateway == gateway)
    row = connection.execute(own.order_by(statements.c.seq.desc()).limit(1)).first()
    return None if row is None else Link(*row)


def links(connection: Connection, gateway: str, first: int, last: int) -> list[Link]:
    """The stored statements of a gateway with first <= seq <= last."""
    return [Link(*row) for row in engine.batch(connection).links(connection, gateway, first, last)]


def by_hash(connection: Connection, statement_hash: bytes) -> StatementRow:
    """Raises UnknownError."""
    return _one(connection, statements.c.hash == statement_hash)


def by_id(connection: Connection, statement_id: int) -> StatementRow:
    """Raises UnknownError."""
    return _one(connection, statements.c.id == statement_id)


def by_leaf(connection: Connection, leaf_index: int) -> StatementRow:
    """The statement at that place of the ledger. Raises UnknownError."""
    return _one(connection, statements.c.leaf_index == leaf_index)


def by_place(connection: Connection, gateway: str, seq: int) -> StatementRow:
    """The statement with this number of a gateway or notary. Raises UnknownError."""
    return _one(connection, and_(statements.c.gateway == gateway, statements.c.seq == seq))


def leaf_index(connection: Connection, statement_hash: bytes) -> int:
    """Its place in the ledger. Raises NotLoggedError while it has none, UnknownError."""
    found = by_hash(connection, statement_hash).leaf_index
    if found is None:
        raise NotLoggedError("the statement is not in the ledger yet")
    return found


def body(connection: Connection, statement_id: int) -> Body:
    """What a statement commits to. Raises ErasedError; a change of key is never erased."""
    query = select(bodies.c.salt, bodies.c.body).where(bodies.c.statement_id == statement_id)
    row = connection.execute(query).first()
    if row is None and (kept := gateway_keys.content(connection, statement_id)) is not None:
        return Body(*kept)
    if row is None:
        raise ErasedError(
            "what this statement says was erased, or its time to be kept is over; the ledger still"
            " proves that it was made, by whom, and where it stands"
        )
    return Body(row.salt, row.body)


def erase_body(connection: Connection, statement_id: int) -> bool:
    """Forget salt and body; every proof about the statement stays what it was. False where they
    were gone already."""
    gone = connection.execute(delete(bodies).where(bodies.c.statement_id == statement_id))
    return gone.rowcount > 0


def unlogged(connection: Connection, limit: int) -> list[Unlogged]:
    """Statements without a place in the ledger, oldest first."""
    query = select(statements.c.id, statements.c.statement).where(statements.c.leaf_index.is_(None))
    rows = connection.execute(query.order_by(statements.c.id).limit(limit))
    return [Unlogged(row.id, row.statement) for row in rows]


def next_leaf(connection: Connection) -> int:
    """One more than the highest place that was given out."""
    highest = connection.execute(select(func.max(statements.c.leaf_index))).scalar()
    return 0 if highest is None else int(highest) + 1


def assign_leaves(connection: Connection, places: Sequence[tuple[int, int]]) -> None:
    """Write down (statement id, leaf index). A place is given to one statement, once."""
    engine.batch(connection).assign_leaves(connection, [(leaf, number) for number, leaf in places])


def ids_of(connection: Connection, hashes: Iterable[bytes]) -> dict[bytes, int]:
    """Hash -> id of those that are stored."""
    query = select(statements.c.hash, statements.c.id).where(statements.c.hash.in_(list(hashes)))
    return {row.hash: row.id for row in connection.execute(query)}


def count(connection: Connection) -> tuple[int, int]:
    """(stored, of these in the ledger)."""
    query = select(func.count(statements.c.id), func.count(statements.c.leaf_index))
    stored, logged = connection.execute(query).one()
    return stored, logged


def hash_of(sign1: bytes) -> bytes:
    """The name of a statement: `hash` here, `prev_hash` in the next one."""
    return wire.statement_hash(sign1)


def _one(connection: Connection, where: Any) -> StatementRow:
    row: Row[Any] | None = connection.execute(select(statements).where(where)).first()
    if row is None:
        raise UnknownError("no such statement")
    return StatementRow(**row._mapping)
