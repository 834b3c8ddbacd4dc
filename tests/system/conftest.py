"""Fixtures of the system tests."""

from collections.abc import Iterator

import pytest
from running import RunningStack

from trifleet.client import RiderClient


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("stack") / "data", vehicles=2)
    try:
        running.start()
        yield running
    finally:
        if running.is_running:
            running.stop()


@pytest.fixture
def rider(stack: RunningStack) -> Iterator[RiderClient]:
    client = RiderClient(stack.address)
    yield client
    client.close()
