"""A server for a whole file of tests, and one with its own settings for a single test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.api_stand import ApiStand, Client, serving
from tests.fleet.engines import ENGINES, SQLITE, database_url

# What writes, and what follows the database, runs on both engines.
ON_BOTH = ("test_api_idempotency", "test_api_routes", "test_api_sightings", "test_api_stream")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name in ON_BOTH and "stand" in metafunc.fixturenames:
        metafunc.parametrize("stand", ENGINES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def stand(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ApiStand]:
    folder = tmp_path_factory.mktemp("api")
    made = ApiStand(folder, database_url(getattr(request, "param", SQLITE), folder))
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(stand: ApiStand) -> Iterator[str]:
    with serving(stand.app) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(base_url=address, timeout=20, trust_env=False) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
