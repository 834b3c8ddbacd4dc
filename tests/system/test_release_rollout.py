"""Over the air from end to end: logged, published, fetched, commanded, on trial, confirmed; or
refused, and the roll-out stops. Programs, broker, bus and firmware are the real ones.
"""

from collections.abc import Iterator
from unittest.mock import ANY

import pytest
from release_scene import OTHER, VEHICLE, ReleaseScene

from fleet_backend.fleet import releases
from fleet_backend.fleet.database import open_database
from trifleet.client import RiderClient
from trifleet.ride import make_ride

# Minutes, and most of a core: the parts have tests of their own.
pytestmark = pytest.mark.faults


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
            found = {one.vehicle: (one.digest, one.number) for one in releases.having(connection)}
            return found.get(VEHICLE, (None, None))
    finally:
        database.close()


def test_a_release_reaches_the_vehicle_though_its_gateway_is_killed_twice(
    scene: ReleaseScene,
) -> None:
    path = scene.build(2, extra=30_000)
    digest = scene.publish(path)
    assert path.with_name(path.name + ".receipt").exists()
    with scene.rolling_out("first", path, [VEHICLE]) as rolling:
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


def test_a_release_that_does_not_run_is_rolled_back_and_the_second_wave_never_opens(
    scene: ReleaseScene,
) -> None:
    before = has(scene)
    path = scene.build(3, spoil=True)
    digest = scene.publish(path)
    with scene.rolling_out("broken", path, [VEHICLE], [OTHER]) as rolling:
        rolling.until_shown("installing", "trial", "rolled_back")
        rolling.until(lambda found: found["state"] == "stopped")
        assert rolling.vehicle["shown"] == "rolled_back"
        first, second = rolling.fleet.rollout("broken")["vehicles"]
        assert (first["vehicle"], second["vehicle"]) == (VEHICLE, OTHER)
        assert second["stage"] is None and second["shown"] == "later"
        assert ("stopped", ANY) in rolling.said
    assert has(scene) == before and before[0] != digest
    # It drives on the application that it had, and is not offered this one again by itself.
    ride = RiderClient(scene.stack.address)
    make_ride(ride, lambda step, words: None, VEHICLE)
    ride.close()
    assert has(scene) == before
