"""A server for a whole file of tests, and one with its own settings for a single test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.api_stand import ApiStand, Client, serving


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStand]:
    made = ApiStand(tmp_path_factory.mktemp("api"))
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
