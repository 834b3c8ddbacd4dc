"""Fixtures of the system tests."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import COMMON, RunningStack
from scene import Scene, direct, signed_command

from tests.tracing.collector import Collector, collecting
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


@contextlib.contextmanager
def started(data: Path, prepared: Path) -> Iterator[RunningStack]:
    running = RunningStack.on_copy(data, prepared, VEHICLES)
    try:
        running.start()
        yield running
    finally:
        if running.is_running:
            running.stop()


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the common stack sends its traces."""
    with collecting() as made:
        yield made


@pytest.fixture(scope="session")
def common_stack(
    tmp_path_factory: pytest.TempPathFactory, prepared: Path, collector: Collector
) -> Iterator[tuple[RunningStack, tuple[float, bytes]]]:
    """With what a courier keeps from its first moment on. Observed in every way that there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIFLEET_OTLP", collector.url)
        patch.setenv("TRIFLEET_LOG", "json")
        with started(tmp_path_factory.mktemp("common") / "data", prepared) as running:
            patch.undo()
            yield running, keep_back(running)


def keep_back(stack: RunningStack) -> tuple[float, bytes]:
    """When it was signed, and a good presentation."""
    scene = Scene(stack, "trike-1")
    granted = scene.owner.grant(scene.rider.key, "trike-1")
    asked = signed_command(scene.rider.key, "trike-1", scene.challenge(), granted)
    scene.rider.close()
    return time.monotonic(), direct(scene, granted, asked, scene.rider.key)


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prepared: Path
) -> Iterator[RunningStack]:
    """The common one, for the modules named there; else one of the module's own."""
    if request.path.name in COMMON:
        yield request.getfixturevalue("common_stack")[0]
        return
    with started(tmp_path_factory.mktemp("stack") / "data", prepared) as running:
        yield running


@pytest.fixture
def held_back(common_stack: tuple[RunningStack, tuple[float, bytes]]) -> tuple[float, bytes]:
    return common_stack[1]


@pytest.fixture
def rider(stack: RunningStack) -> Iterator[RiderClient]:
    client = RiderClient(stack.address)
    yield client
    client.close()
