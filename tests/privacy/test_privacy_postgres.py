"""An installation whose database is on a server: erased to the last byte of its tables."""

import struct
import tomllib
from collections.abc import Iterator
from contextlib import closing

import pytest

from fleet_backend.fleet import subject_access
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.ingest.retainer import Retainer
from tests.fleet.engines import POSTGRES, database_url, shared_server
from tests.privacy.privacy_stand import keep_house
from tests.privacy.town import ANNA, BOB, Town, erase_rider, trace_of
from trifleet.layout import make_folder
from trifleet.privacy import retain
from trifleet.program_settings import ProgramSettings


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    made = Town(folder, database_url(POSTGRES, folder))
    yield made
    made.stand.close()


def stored_bytes(town: Town) -> bytes:
    """Every file of this database but the write-ahead log, which all databases share."""
    server = shared_server()
    with town.stand.database.read() as connection:
        query = "SELECT oid FROM pg_database WHERE datname = current_database()"
        number = connection.exec_driver_sql(query).scalar_one()
    server.sql("CHECKPOINT")
    folder = server.data / "base" / str(number)
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def names_of(town: Town, rider: bytes, places: list[tuple[int, int]]) -> list[bytes]:
    """His names as they stand in columns of bytes and of text, his places as numbers."""
    found = trace_of(town.layout, rider)
    names = [*found.names, *(name.hex().encode() for name in found.grant_ids)]
    names += [request.encode() for request in found.requests]
    return names + [struct.pack("<q", number) for place in places for number in place]


def test_what_he_asks_for_is_handed_out_and_the_rest_goes_on(town: Town) -> None:
    with closing(open_database(town.layout.database_url)) as database:
        with database.read() as connection:
            found = subject_access.collect(connection, trace_of(town.layout, town.anna))
        keep_house(Retainer(database, RetentionSettings()), 1)
    assert len(found["telemetry"]) == len(ANNA)
    assert retain.retain(town.layout).deleted.total() == 0
    town.stand.ride(town.clients[town.bob], "trike-2", BOB)


def test_every_program_of_the_folder_is_told_of_the_server(town: Town) -> None:
    make_folder(town.layout.config("ingest").parent)
    programs = ProgramSettings(town.layout, 1)
    told = [tomllib.loads(made().read_text()) for made in (programs.issuer, programs.api)]
    assert [one["database_url"] for one in told] == [town.layout.database_url] * 2
    assert town.layout.database_url.startswith("postgresql://")
    assert not town.layout.database.exists()


def test_no_byte_of_the_rider_is_left_in_any_table(town: Town) -> None:
    anna = names_of(town, town.anna, ANNA[:-1])
    bob = names_of(town, town.bob, BOB[:1])
    with town.stand.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")  # the planner's statistics hold values, too
    before = stored_bytes(town)
    assert [name for name in anna if name not in before] == []
    report = erase_rider(town.layout, town.anna)
    assert report.deleted["riders"] == 1
    assert report.deleted["telemetry samples"] == len(ANNA)
    after = stored_bytes(town)
    assert [name for name in anna if name in after] == []
    assert [name for name in bob if name not in after] == []
    assert trace_of(town.layout, town.anna).is_empty
