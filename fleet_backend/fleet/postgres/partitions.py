"""One partition a day for what is divided by the vehicle's time, made ahead and dropped whole.

What has an impossible time, or one of which no partition was made, lies in the default partition.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

DAY_S = 86_400
# A gateway may have been offline for a month; a program may stand still for a week.
BEHIND_DAYS = 35
AHEAD_DAYS = 8
DIVIDED = ("telemetry", "telemetry_1s")


@dataclass(frozen=True)
class Partition:
    """The rows of one day: `day` * 86,400 <= time < (`day` + 1) * 86,400."""

    table: str
    day: int

    @property
    def name(self) -> str:
        return f"{self.table}_d{self.day}"

    @property
    def first(self) -> int:
        return self.day * DAY_S

    @property
    def end(self) -> int:
        return self.first + DAY_S


def make_defaults(connection: Connection) -> None:
    """With the tables themselves."""
    for table in DIVIDED:
        connection.execute(text(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT"))


def make_ahead(connection: Connection, now: int) -> int:
    """Make the partitions around `now` that are not there; returns how many."""
    today = now // DAY_S
    return make_days(connection, range(max(0, today - BEHIND_DAYS), today + AHEAD_DAYS + 1))


def make_days(connection: Connection, wanted: Collection[int]) -> int:
    """Make the partitions of these days since 1970 that are not there; returns how many."""
    made = 0
    for table in DIVIDED:
        there = {one.day for one in existing(connection, table)}
        for day in wanted:
            if day not in there:
                _make(connection, Partition(table, day))
                made += 1
    return made


def keep(connection: Connection) -> None:
    """None of them is dropped until this transaction ends, which sees them all."""
    # Whoever asks for this reads everything: it takes as long as it takes.
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))
    connection.execute(text(f"LOCK TABLE {', '.join(DIVIDED)} IN ACCESS SHARE MODE"))


def existing(connection: Connection, table: str) -> list[Partition]:
    """The partitions of a table but the default one, oldest first."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = CAST(:parent AS regclass)"
    )
    names = connection.execute(query, {"parent": table}).scalars()
    days = [name.removeprefix(f"{table}_d") for name in names]
    return [Partition(table, day) for day in sorted(int(day) for day in days if day.isdigit())]


def drop_before(connection: Connection, table: str, before: int, arrival: str = "") -> int:
    """Drop each partition that lies before that time; returns how many rows went about.

    Where `arrival` names the column of the server's clock, what came later than `before` keeps its
    partition: its rows are deleted one by one when their time has come.
    """
    dropped = 0
    for one in existing(connection, table):
        if one.end > before:
            break
        if arrival and _has_late(connection, one, arrival, before):
            continue
        dropped += connection.execute(text(f"SELECT count(*) FROM {one.name}")).scalar_one()  # noqa: S608
        connection.execute(text(f"DROP TABLE {one.name}"))
    return dropped


def _make(connection: Connection, one: Partition) -> None:
    """An ordinary table first: what lies in the default partition of its time moves into it."""
    place = {"first": one.first, "end": one.end}
    inside = f"FROM {one.table}_rest WHERE time >= :first AND time < :end"
    held = connection.execute(text(f"SELECT EXISTS (SELECT 1 {inside})"), place).scalar()
    bounds = f"FOR VALUES FROM ({one.first}) TO ({one.end})"
    if not held:
        connection.execute(text(f"CREATE TABLE {one.name} PARTITION OF {one.table} {bounds}"))
        return
    connection.execute(text(f"CREATE TABLE {one.name} (LIKE {one.table} INCLUDING ALL)"))
    moved = (
        f"WITH moved AS (DELETE {inside} RETURNING *) INSERT INTO {one.name} SELECT * FROM moved"  # noqa: S608
    )
    connection.execute(text(moved), place)
    connection.execute(text(f"ALTER TABLE {one.table} ATTACH PARTITION {one.name} {bounds}"))


def _has_late(connection: Connection, one: Partition, arrival: str, before: int) -> bool:
    query = f"SELECT EXISTS (SELECT 1 FROM {one.name} WHERE {arrival} >= :before)"  # noqa: S608
    return bool(connection.execute(text(query), {"before": before}).scalar())
