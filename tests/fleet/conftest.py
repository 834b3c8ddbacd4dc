"""Every test of the database runs on both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_backend.fleet.database import Database, open_database
from tests.fleet.engines import ENGINES, SQLITE, database_url


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(engine_name: str, tmp_path: Path) -> str:
    """A database of this test's own, without tables."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return database_url(engine_name, folder, empty=True)


@pytest.fixture
def database(engine_name: str, tmp_path: Path) -> Iterator[Database]:
    """A database of this test's own, with the tables in it."""
    opened = open_database(database_url(engine_name, tmp_path))
    if engine_name == SQLITE:
        opened.create_schema()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for a whole file, for tests that leave nothing behind."""
    opened = open_database(database_url(engine_name, tmp_path_factory.mktemp("shared")))
    if engine_name == SQLITE:
        opened.create_schema()
    yield opened
    opened.close()
