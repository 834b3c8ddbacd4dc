"""The lease: whoever waits takes over from the silent and from nobody else, whatever clocks say."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logstore_stand import make_fleet
from sqlalchemy import select, text

from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.schema import leases
from fleet_backend.fleet.settings import load
from fleet_backend.ledger.errors import LockLostError, StorageError
from fleet_backend.logstore.lease import Lease, LeaseSettings
from tests.fleet.engines import database_url

SETTINGS = LeaseSettings(lease_s=5.0)


class Clock:
    """Seconds from anywhere, set by the test."""

    def __init__(self, start: float = 0.0) -> None:
        self.s = start

    def __call__(self) -> float:
        return self.s


@pytest.fixture(scope="module")
def database(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for the whole file: each test has a lease of its own."""
    made = make_fleet(database_url(engine, tmp_path_factory.mktemp("lease")))
    yield made
    made.close()


def _lease(database: Database, name: str, clock: Clock, wall: float = 1_800_000_000.0) -> Lease:
    return Lease(database, name, SETTINGS, clock, lambda: wall)


@pytest.mark.parametrize("apart_s", [-3_600.0, 0.0, 3_600.0])
def test_a_silent_holder_is_followed_after_the_leases_time_of_who_waits(
    database: Database, apart_s: float
) -> None:
    """Their clocks differ by an hour, both of them; only how long one waits counts."""
    name = f"apart {apart_s}"
    mine, theirs = Clock(100.0), Clock(100.0 + apart_s)
    holder = _lease(database, name, mine)
    standby = _lease(database, name, theirs, 1_800_000_000.0 + apart_s)
    assert holder.take()
    assert not standby.take()
    for _ in range(10):
        mine.s += 2
        theirs.s += 2
        holder.renew()
        assert not standby.take()
    theirs.s += 4.9
    assert not standby.take()
    theirs.s += 0.1
    assert standby.take()
    with pytest.raises(LockLostError, match="another program took the lease"):
        holder.renew()
    standby.renew()
    # What was the holder waits as any other does.
    assert not holder.take()
    mine.s += 5
    assert holder.take()


def test_a_turn_that_is_given_up_is_taken_at_once(database: Database) -> None:
    first, second = (_lease(database, "given up", Clock()) for _ in range(2))
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    first.release()  # no longer its own: nothing happens
    second.renew()
    with pytest.raises(LockLostError):
        first.renew()


def test_who_stood_still_itself_does_not_take_over_from_the_living(database: Database) -> None:
    """The one that waits was stopped for an hour; the holder renewed meanwhile."""
    clock = Clock()
    holder, standby = _lease(database, "stood", clock), _lease(database, "stood", Clock())
    assert holder.take()
    assert not standby.take()
    holder.renew()
    standby._clock = Clock(3_600.0)
    assert not standby.take()


def test_of_two_that_wait_one_takes_over(database: Database) -> None:
    clock = Clock()
    holder, *others = (_lease(database, "two wait", clock) for _ in range(3))
    assert holder.take()
    assert [one.take() for one in others] == [False, False]
    clock.s = 6.0
    assert [one.take() for one in others] == [True, False]


def test_a_takeover_that_comes_too_late_is_none(database: Database) -> None:
    """The holder renews between the look and the write of who waits."""
    clock = Clock()
    holder, standby = _lease(database, "late", clock), _lease(database, "late", clock)
    assert holder.take()
    assert not standby.take()
    clock.s = 6.0

    def renew_meanwhile() -> float:
        standby._clock = clock
        holder.renew()
        return clock.s

    standby._clock = renew_meanwhile
    assert not standby.take()
    holder.renew()


def test_the_row_says_for_people_until_when(database: Database) -> None:
    lease = _lease(database, "people", Clock(), 1_800_000_000.5)
    assert lease.take()
    with database.read() as connection:
        query = select(leases.c.until, leases.c.number).where(leases.c.name == "people")
        assert tuple(connection.execute(query).one()) == (1_800_000_005_500, 1)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_at_most_one_of_three_can_renew_and_numbers_only_rise(
    database: Database, seed: int
) -> None:
    rng = random.Random(seed)
    name = f"random {seed} {rng.random()}"
    clocks = [Clock(rng.uniform(-4_000, 4_000)) for _ in range(3)]
    programs = [_lease(database, name, clock) for clock in clocks]
    number = 0
    for _ in range(20):
        who = rng.randrange(3)
        clocks[who].s += rng.choice((0.0, 1.0, 3.0, 6.0))
        if rng.random() < 0.6:
            programs[who].take()
        elif rng.random() < 0.1:
            programs[who].release()
        with database.read() as connection:
            query = select(leases.c.number).where(leases.c.name == name)
            found = connection.execute(query).scalar() or 0
        assert found >= number
        number = found
        assert sum(map(_renews, programs)) <= 1


def _renews(lease: Lease) -> bool:
    try:
        lease.renew()
    except LockLostError:
        return False
    return True


def test_a_database_without_the_table_gives_a_named_error(url: str) -> None:
    database = make_fleet(url)
    lease = _lease(database, "x", Clock())
    with database.begin() as connection:
        connection.execute(text("DROP TABLE leases"))
    for call in (lease.take, lease.renew, lease.release):
        with pytest.raises(StorageError, match="lease: the database refused"):
            call()
    database.close()


@pytest.mark.parametrize("line", ["lease_s = 0.1", "lease_s = 301", "look_s = 0", "renew_s = 1"])
def test_settings_out_of_bounds_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lease.toml"
    path.write_text(line)
    with pytest.raises(SettingsError, match=line.split()[0]):
        load(path, LeaseSettings)
