"""Whether bytes speak of a rider, for few names and for the thousands of a frequent rider."""

import random
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from fleet_backend.fleet import content
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.schema import vehicles
from fleet_backend.fleet.trace import Trace


def rider(count: int) -> Trace:
    dice = random.Random(count)
    ids = tuple(dice.randbytes(16) for _ in range(count))
    return Trace(dice.randbytes(32), dice.randbytes(256), grant_ids=ids)


@pytest.mark.parametrize("count", [0, 1, 198, 199, 500])
def test_each_name_is_found_wherever_it_stands(count: int) -> None:
    trace = rider(count)
    of_him = content.of(trace)
    rest = random.Random("rest").randbytes(300)
    for name in (trace.names[0], trace.names[1], trace.names[-1]):
        for data in (name, name + rest, rest + name, rest + name + rest):
            assert of_him.names_him(data)
        assert not of_him.names_him(rest + name[: len(name) - 1 if len(name) == 16 else 15])
    assert not of_him.names_him(rest) and not of_him.names_him(b"")


def test_an_error_of_the_database_names_nobody(tmp_path: Path) -> None:
    """Errors end in logs, where an erasure finds ids by their digits alone."""
    database = open_database(f"sqlite:///{tmp_path}/fleet.db")
    database.create_schema()
    row = {"id": "whoever", "gateway": "nobody", "owner_thumbprint": b"", "record_key": b""}
    with pytest.raises(DBAPIError) as found, database.begin() as connection:
        connection.execute(insert(vehicles).values(**row, key_fingerprint=b"", added=1))
    assert "vehicles" in str(found.value)
    assert "whoever" not in str(found.value)
    database.close()
