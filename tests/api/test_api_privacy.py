"""Where a vehicle in use goes is its rider's business: nobody learns it by a command of his own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fleet_backend.api.errors import TooManyStreamsError
from fleet_backend.api.hub import Hub
from protocol import lock
from tests.api.api_stand import ApiStand, Client, serving, wait_until
from tests.api.test_api_routes import assert_problem
from tests.api.test_api_stream import OPERATOR, reading
from tests.issuer.parties import present
from tests.issuer.stand import VEHICLE


def test_who_resumes_far_back_sees_nothing_of_the_rider_before(
    stand: ApiStand, client: Client
) -> None:
    stand.report(VEHICLE, lock.LOCKED)
    mine = client.command(stand.present()).json()["id"]
    stand.report(VEHICLE, lock.DRIVE, lat_e7=1)
    stand.locked()
    stand.executed(mine)
    stand.report(VEHICLE, lock.DRIVE, lat_e7=2)
    with reading(client, f"/v1/commands/{mine}/stream", "1") as reader:
        seen = [reader.next() for _ in range(3)]
    assert [kind for kind, _ in seen] == ["command", "command", "vehicle"]
    assert seen[2][1]["lat_e7"] == 2


def test_the_receipt_of_a_refusal_is_the_operators(stand: ApiStand, client: Client) -> None:
    """Its statement holds what the vehicle measured in the same second."""
    name = client.command(present(VEHICLE, [], [])).json()["id"]
    stand.refused(name)
    stand.fleet.log_what_waits()
    assert_problem(client.get(f"/v1/commands/{name}/receipt"), 404, "not-found")
    leaf = client.get(f"/v1/commands/{name}").json()["leaf_index"]
    assert client.operator(f"/v1/fleet/receipts/{leaf}").status_code == 200


@contextmanager
def small(folder: Path, places: int) -> Iterator[tuple[ApiStand, Client]]:
    stand = ApiStand(folder, max_streams=places)
    with (
        serving(stand.app) as address,
        Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        yield stand, client
    stand.close()


def test_the_public_leaves_places_to_operators(tmp_path: Path) -> None:
    with small(tmp_path, 4) as (stand, client), ExitStack() as opened:
        name = client.command(stand.present()).json()["id"]
        for _ in range(3):
            opened.enter_context(reading(client, f"/v1/commands/{name}/stream"))
        wait_until(lambda: stand.services.hub.open_streams == 3)
        refused = client.get(f"/v1/commands/{name}/stream")
        assert_problem(refused, 503, "too-many-streams")
        opened.enter_context(reading(client, "/v1/fleet/stream", **OPERATOR))


def test_operators_may_take_every_place() -> None:
    hub = Hub(max_streams=2, queue_size=1)
    made = [hub.subscribe(lambda _: True) for _ in range(2)]
    with pytest.raises(TooManyStreamsError):
        hub.subscribe(lambda _: True, public=True)
    hub.unsubscribe(made[0])
    hub.subscribe(lambda _: True, public=True)
