"""Fixtures: each store and each database engine in turn, and an S3 server by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from logstore_s3_server import S3Server
from logstore_stand import make_fleet
from logstore_stores import STORES, Open, store_of

from fleet_backend.fleet.database import Database
from tests.fleet.engines import ENGINES, database_url


@pytest.fixture(params=STORES)
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with store_of(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(engine: str, tmp_path: Path) -> str:
    """A database of this test's own."""
    return database_url(engine, tmp_path)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The same, opened, with one gateway."""
    made = make_fleet(url)
    yield made
    made.close()
