"""Whether bytes speak of a rider, for few names and for the thousands of a frequent rider."""

import random
import secrets
import traceback

import pytest
from sqlalchemy import insert

from fleet_backend.fleet import content
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import DatabaseRefusedError
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


def test_an_error_of_the_database_names_nobody(database: Database) -> None:
    """Errors end in logs, where an erasure finds ids by their digits alone."""
    who, where = secrets.token_hex(8), secrets.token_hex(8)
    row = {"id": who, "gateway": where, "owner_thumbprint": b"", "record_key": b""}
    with pytest.raises(DatabaseRefusedError) as found, database.begin() as connection:
        connection.execute(insert(vehicles).values(**row, key_fingerprint=b"", added=1))
    shown = "".join(traceback.format_exception(found.value))
    assert "constraint" in shown
    assert who not in shown and where not in shown
