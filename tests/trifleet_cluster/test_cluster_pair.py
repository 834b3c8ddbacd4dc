"""Two real PostgreSQL servers: the primary dies, the standby takes its place, a new one is made."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fleet_backend.fleet.database import open_database
from trifleet.cluster.deciding import Known
from trifleet.cluster.pair import Pair, lsn
from trifleet.cluster.place import Place, claim
from trifleet.errors import InstallationError


@pytest.fixture
def place() -> Iterator[Place]:
    # Not pytest's folder: the account that PostgreSQL runs as may not enter it.
    with TemporaryDirectory(prefix="trifleet-pair-") as folder:
        Path(folder).chmod(0o711)
        found = Place(Path(folder) / "cluster")
        claim(found)
        found.layout.root.mkdir(mode=0o700)
        yield found


def tend_until(pair: Pair, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        pair.tend()
        time.sleep(0.02)


def test_the_standby_takes_over_and_another_one_is_made(place: Place) -> None:
    ports = claim(place)
    pair = Pair(place, ports)
    pair.start()
    try:
        database = open_database(pair.url())
        tend_until(pair, lambda: pair.is_whole)
        database.create_schema()
        first = pair.primary
        assert first.sql("SHOW synchronous_standby_names") == "b"
        first._process.kill()  # type: ignore[union-attr]
        tend_until(pair, lambda: pair.primary is not first and pair.primary.runs)
        with database.begin():
            pass  # what looks for the one that takes writes has found it
        assert pair.primary.sql("SELECT count(*) FROM schema_version", "fleet") == "1"
        tend_until(pair, lambda: pair.is_whole)
        assert pair.follower is first
        assert pair.primary.sql("SHOW synchronous_standby_names") == "a"
        first._process.kill()  # type: ignore[union-attr]
        tend_until(pair, lambda: pair.primary.sql("SHOW synchronous_standby_names") == "")
        with database.begin():
            pass  # a commit does not wait for who is gone
        tend_until(pair, lambda: pair.is_whole)
        database.close()
    finally:
        pair.stop()
    assert pair.pids() == {}
    again = Pair(place, ports)
    again.start()
    try:
        assert again.primary.port == ports["postgres-b"]
        assert again.is_whole
    finally:
        again.stop()


def test_a_promotion_that_was_interrupted_is_done_at_the_start(place: Place) -> None:
    ports = claim(place)
    pair = Pair(place, ports)
    pair.start()
    try:
        tend_until(pair, lambda: pair.is_whole)
        pair._write(Known("b", False))  # and then power goes
    finally:
        pair.stop()
    again = Pair(place, ports)
    again.start()
    try:
        assert again.primary.sql("SELECT pg_is_in_recovery()") == "f"
        tend_until(again, lambda: again.is_whole)
    finally:
        again.stop()


@pytest.mark.parametrize("text", ["", "[]", '{"primary": "c", "in_sync": true}', '{"primary": "a"}',
                                  '{"primary": "a", "in_sync": 1}'])  # fmt: skip
def test_a_damaged_note_stops_the_start(place: Place, text: str) -> None:
    place.pair_file.write_text(text)
    with pytest.raises(InstallationError, match=r"pair\.json is damaged"):
        Pair(place, claim(place)).start()


def test_places_in_the_log_are_compared_as_numbers() -> None:
    assert lsn("9/FF") < lsn("A/1") < lsn("10/0")
    assert lsn("0/3000060") < lsn("0/10000000")
