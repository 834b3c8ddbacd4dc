"""The keys of a gateway's statements, one after the other: each signs from one number to the next.

The first is the one that it was registered with. Every other one was brought in by a statement of
the gateway's own chain (event KEY_CHANGED), whose content is kept here: it says of nobody where he
rode, and without it a receipt of later statements could not be tied to the first key.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from fleet_backend.fleet.errors import ExistsError
from fleet_backend.fleet.schema import gateway_keys, gateways, statements


class Era(NamedTuple):
    """From statement `first` on, up to the next era."""

    first: int
    key: bytes


@dataclass(frozen=True)
class Keys:
    """All eras of one gateway, the first one begins at 0. Pure."""

    eras: tuple[Era, ...]

    @classmethod
    def only(cls, key: bytes) -> "Keys":
        """Of a gateway that never changed it."""
        return cls((Era(0, key),))

    @property
    def newest(self) -> bytes:
        return self.eras[-1].key

    def at(self, seq: int) -> bytes:
        """The key that statement `seq` has to be signed with."""
        return self.eras[self._place(seq)].key

    def since(self, seq: int) -> tuple[bytes, ...]:
        """That key and all later ones."""
        return tuple(one.key for one in self.eras[self._place(seq) :])

    def before(self, seq: int) -> tuple[Era, ...]:
        """The eras that were over at statement `seq`."""
        return self.eras[: self._place(seq)]

    def after_change(self, seq: int, key: bytes) -> "Keys":
        """Statement `seq` brought in `key`."""
        return Keys((*self.eras, Era(seq + 1, key)))

    def _place(self, seq: int) -> int:
        return bisect_right(self.eras, seq, key=lambda one: one.first) - 1


@dataclass(frozen=True)
class Change:
    """What the statement with this id brought in; `salt` and `packed` are what it committed to."""

    gateway: str
    first_seq: int
    public_key: bytes
    statement_id: int
    salt: bytes
    body: bytes


def add(connection: Connection, change: Change, now: int) -> None:
    """In the transaction that stores the statement. Raises ExistsError: a key is one gateway's."""
    if holder(connection, change.public_key) is not None:
        raise ExistsError("another gateway has this key")
    connection.execute(insert(gateway_keys).values(**vars(change), server_time=now))


def of(connection: Connection, gateway: str) -> Keys | None:
    """Those of one gateway; None where there is none of this name."""
    own = select(gateways.c.public_key).where(gateways.c.id == gateway)
    first = connection.execute(own).scalar()
    if first is None:
        return None
    query = select(gateway_keys.c.first_seq, gateway_keys.c.public_key)
    later = query.where(gateway_keys.c.gateway == gateway).order_by(gateway_keys.c.first_seq)
    return Keys((Era(0, first), *(Era(*row) for row in connection.execute(later))))


def of_all(connection: Connection) -> dict[str, Keys]:
    """Of every gateway and issuer."""
    columns = gateway_keys.c.gateway, gateway_keys.c.first_seq, gateway_keys.c.public_key
    later: dict[str, list[Era]] = {}
    for gateway, first, key in connection.execute(select(*columns).order_by(*columns[:2])):
        later.setdefault(gateway, []).append(Era(first, key))
    rows = connection.execute(select(gateways.c.id, gateways.c.public_key))
    return {row.id: Keys((Era(0, row.public_key), *later.get(row.id, ()))) for row in rows}


def count(connection: Connection) -> int:
    """How many changes there ever were: cheap to ask, to know whether a copy is still true."""
    return connection.execute(select(func.count()).select_from(gateway_keys)).scalar_one()


def holder(connection: Connection, key: bytes) -> str | None:
    """The gateway that has, or had, this key."""
    for table, name in ((gateways, gateways.c.id), (gateway_keys, gateway_keys.c.gateway)):
        found = connection.execute(select(name).where(table.c.public_key == key)).scalar()
        if found is not None:
            return str(found)
    return None


def content(connection: Connection, statement_id: int) -> tuple[bytes, bytes] | None:
    """(salt, packed body) of a statement that changed a key; None of any other."""
    query = select(gateway_keys.c.salt, gateway_keys.c.body)
    row = connection.execute(query.where(gateway_keys.c.statement_id == statement_id)).first()
    return None if row is None else (row.salt, row.body)


class Place(NamedTuple):
    """A key and from which statement on; `leaf_index` of the statement that brought it in."""

    first_seq: int
    public_key: bytes
    leaf_index: int | None


def history(connection: Connection, gateway: str) -> list[Place]:
    """For people: oldest first; empty where there is no gateway of this name."""
    known = of(connection, gateway)
    if known is None:
        return []
    joined = gateway_keys.join(statements, statements.c.id == gateway_keys.c.statement_id)
    query = select(gateway_keys.c.first_seq, statements.c.leaf_index).select_from(joined)
    rows = connection.execute(query.where(gateway_keys.c.gateway == gateway))
    leaves = {row.first_seq: row.leaf_index for row in rows}
    return [Place(one.first, one.key, leaves.get(one.first)) for one in known.eras]
