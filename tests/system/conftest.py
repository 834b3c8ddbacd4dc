"""Fixtures of the system tests."""

import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningStack

from trifleet.client import RiderClient
from trifleet.installation import install
from trifleet.layout import Layout

VEHICLES = 2


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A data folder with keys and provisioned vehicles, made once for all that run at a time.

    The first start in an empty folder is what `test_lifecycle.py` and the rides are about.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "prepared"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(Layout(folder), VEHICLES, lambda who, what: None)
            done.touch()
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("stack") / "data"
    shutil.copytree(prepared, data)
    running = RunningStack(data, VEHICLES)
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
