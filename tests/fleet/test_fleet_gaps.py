"""Gaps are what is missing between the stored numbers, in whatever order and batches they came."""

import os
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from fleet_backend.fleet import gaps, gateways, schema, statements
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.gaps import Gap
from fleet_backend.fleet.statements import NewStatement
from protocol import ack

NOW = 1_790_000_000
FAR = 1 << 40


def _register(connection: Connection, *names: str) -> None:
    for name in names:
        gateways.register(connection, name, os.urandom(32), gateways.GATEWAY, NOW)


def _store(connection: Connection, numbers: Iterable[tuple[str, int]], now: int = NOW) -> list[Gap]:
    stored: dict[str, list[int]] = {}
    rows = list(numbers)
    ids = [
        statements.insert_sealed(
            connection,
            NewStatement(name, seq, os.urandom(32), bytes(32), 1, NOW, b"s", b"", b""),
            now,
        )
        for name, seq in rows
    ]
    for name, seq in rows:
        stored.setdefault(name, []).append(seq)
    ranges = {name: ack.to_ranges(theirs) for name, theirs in stored.items()}
    return gaps.note(connection, ranges, ids[0] - 1, now)


def _open(connection: Connection, name: str = "gw-1") -> list[tuple[int, int]]:
    rows = gaps.page(connection, limit=10_000, is_open=True)
    return sorted((row.first, row.last) for row in rows if row.gateway == name)


def _missing(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """By the definition."""
    stored = sorted(set(numbers))
    below = [-1, *stored]
    return [(low + 1, high - 1) for low, high in zip(below, stored, strict=False) if high > low + 1]


def test_any_order_and_any_batches_name_what_is_missing(database: Database) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    with database.begin() as connection:
        _register(connection, "gw-1", "gw-2")
    waiting = [(name, seq) for name in ("gw-1", "gw-2") for seq in range(40)]
    waiting += [("gw-1", FAR), ("gw-1", FAR + 7)]
    rng.shuffle(waiting)
    done: dict[str, list[int]] = {"gw-1": [], "gw-2": []}
    while waiting:
        size = rng.randint(1, 9)
        batch, waiting = waiting[:size], waiting[size:]
        with database.begin() as connection:
            _store(connection, batch)
            for name, seq in batch:
                done[name].append(seq)
            for name, numbers in done.items():
                assert _open(connection, name) == _missing(numbers)
    with database.read() as connection:
        assert _open(connection) == [(40, FAR - 1), (FAR + 1, FAR + 6)]
        # Nobody was told of the others, so they left no trace.
        assert len(gaps.page(connection, limit=100, is_open=None)) == 2


def test_a_gap_is_told_when_it_lasts_and_once_more_when_it_is_filled(database: Database) -> None:
    with database.begin() as connection:
        _register(connection, "gw-1")
        _store(connection, [("gw-1", 0), ("gw-1", 4)])
        assert gaps.tell(connection, NOW - 1, 9) == []
        assert gaps.totals(connection) == gaps.Totals(0, 0)
        (told,) = gaps.tell(connection, NOW, 9)
        assert (told.gateway, told.first, told.last, told.since) == ("gw-1", 1, 3, NOW)
        assert gaps.tell(connection, NOW, 9) == []
        assert gaps.totals(connection) == gaps.Totals(1, 3)
        assert _store(connection, [("gw-1", 1), ("gw-1", 2)], NOW + 5) == []
        assert gaps.totals(connection) == gaps.Totals(1, 1)
        (filled,) = _store(connection, [("gw-1", 3)], NOW + 9)
        assert (filled.whole_first, filled.whole_last) == (1, 3)
        assert gaps.totals(connection) == gaps.Totals(0, 0)
        (row,) = gaps.page(connection, is_open=False)
        assert (row.since, row.filled) == (NOW, NOW + 9)
        assert gaps.page(connection, is_open=True) == []


def test_a_forged_jump_is_one_gap_that_the_chain_eats_up(database: Database) -> None:
    with database.begin() as connection:
        _register(connection, "gw-1")
        _store(connection, [("gw-1", 0), ("gw-1", FAR)])
        for seq in range(1, 30):
            _store(connection, [("gw-1", seq)])
        assert _open(connection) == [(30, FAR - 1)]
        assert len(gaps.page(connection, is_open=None)) == 1


def test_pages_go_on_below_the_last_row_and_the_oldest_filled_are_dropped(
    database: Database,
) -> None:
    with database.begin() as connection:
        _register(connection, "gw-1")
        for seq in range(0, 20, 2):
            _store(connection, [("gw-1", seq)])
        gaps.tell(connection, NOW, 99)
        _store(connection, [("gw-1", seq) for seq in (1, 3, 5)])
        first = gaps.page(connection, limit=4, is_open=True)
        rest = gaps.page(connection, first[-1].id, 4, is_open=True)
        assert [row.first for row in first + rest] == [17, 15, 13, 11, 9, 7]
        gaps.trim_filled(connection, 2)
        assert [row.first for row in gaps.page(connection, is_open=False)] == [5, 3]
        assert len(gaps.page(connection, is_open=True)) == 6
        gaps.trim_filled(connection, 0)
        assert gaps.page(connection, is_open=False) == []


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.sets(st.integers(0, 60), max_size=40),
)
def test_what_is_left_of_a_gap_is_what_was_not_stored(
    first: int, size: int, stored: set[int]
) -> None:
    pieces = gaps.left_of((first, first + size), ack.to_ranges(list(stored)))
    left = [number for low, high in pieces for number in range(low, high + 1)]
    assert left == [number for number in range(first, first + size + 1) if number not in stored]
    assert pieces == ack.to_ranges(left)


@pytest.mark.parametrize("numbers", [[0, 1, 2], [0, 3, 4, 9], [5]])
def test_an_older_database_knows_its_gaps_after_the_migration(url: str, numbers: list[int]) -> None:
    from fleet_backend.fleet import migrate
    from fleet_backend.fleet.database import open_database

    older = open_database(url)
    with older._link.writers.begin() as connection:
        migrate.make_version(connection, 5)
        for name, kind in (("gw-1", gateways.GATEWAY), ("issuer", gateways.ISSUER)):
            row = {"id": name, "public_key": os.urandom(32), "kind": kind, "added": NOW}
            connection.execute(insert(schema.gateways).values(row))
        for name, seq in [("issuer", 7), *(("gw-1", seq) for seq in numbers)]:
            new = NewStatement(name, seq, os.urandom(32), bytes(32), 1, NOW, b"s", b"", b"")
            statements.insert_sealed(connection, new, NOW)
    older.create_schema()
    with older.read() as connection:
        assert _open(connection) == _missing(numbers)
        assert _open(connection, "issuer") == []
    older.close()
