"""Over the air from end to end: logged, published, fetched, commanded, on trial, confirmed; or
refused, and the roll-out stops. Programs, broker, bus and firmware are the real ones.
"""

from collections.abc import Iterator

import pytest
from release_scene import VEHICLE, ReleaseScene

from fleet_backend.fleet import releases
from fleet_backend.fleet.database import open_database


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseScene]:
    made = ReleaseScene(tmp_path_factory.mktemp("ota"))
    made.stack.start()
    try:
        made.enrol_notary()
        yield made
    finally:
        if made.stack.is_running:
            made.stack.stop()


def has(scene: ReleaseScene) -> tuple[bytes | None, int | None]:
    """What the vehicle has, by its own record."""
    database = open_database(scene.layout.database_url)
    try:
        with database.read() as connection:
            return next(
                ((one.digest, one.number) for one in releases.having(connection)), (None, None)
            )
    finally:
        database.close()


# Two minutes, forty seconds of processor time: the parts have tests of their own.
@pytest.mark.faults
def test_a_release_reaches_the_vehicle_though_its_gateway_is_killed_twice(
    scene: ReleaseScene,
) -> None:
    path = scene.build(2, extra=30_000)
    digest = scene.publish(path)
    assert path.with_name(path.name + ".receipt").exists()
    with scene.rolling_out("first", path) as rolling:
        rolling.until(lambda found: found["wave"] == 1)
        rolling.until_shown("fetching", "ready", "installing")
        scene.stack.kill("gw-1")
        rolling.until_shown("installing")
        assert has(scene) == (None, None)  # what the gateway says ends nothing
        scene.stack.kill("gw-1")
        rolling.until(lambda found: found["state"] == "finished")
        assert rolling.vehicle["stage"] == "CONFIRMED"
    assert has(scene) == (digest, 2)
    shown = scene.stack.operator("/v1/fleet/releases")["items"]
    assert [(one["vehicle"], one["number"], one["shown"]) for one in shown] == [
        (VEHICLE, 2, "confirmed")
    ]
