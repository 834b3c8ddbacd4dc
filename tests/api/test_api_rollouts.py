"""Roll-outs over the API: created once, changed by who saw the newest, shown with the reason."""

import pytest

from fleet_backend.fleet import releases
from protocol import delivery, update
from tests.api.api_stand import TOKEN, VEHICLE, ApiStand, Client
from tests.api.test_api_routes import assert_problem

DIGEST = "ab" * 32
ROLLOUT = {
    "digest": DIGEST,
    "target": "app-7.tfr",
    "board": "virtual",
    "version": "1.2.0",
    "number": 7,
    "failures_most": 0,
    "waves": [[VEHICLE]],
}


class Operator:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {TOKEN}"}

    def put(self, path: str, body: object) -> object:
        answer = self._client.put(f"/v1/fleet/{path}", json=body, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fails(self, path: str, body: object, status: int, name: str) -> None:
        answer = self._client.put(f"/v1/fleet/{path}", json=body, headers=self._headers)
        assert_problem(answer, status, name)


@pytest.fixture
def operator(client: Client) -> Operator:
    return Operator(client)


def test_a_rollout_from_its_first_wave_to_its_end(
    operator: Operator, client: Client, stand: ApiStand
) -> None:
    made = operator.put("rollouts/first", ROLLOUT)
    assert operator.put("rollouts/first", ROLLOUT) == made  # the very same again
    operator.fails("rollouts/first", {**ROLLOUT, "digest": "cd" * 32}, 409, "exists")
    operator.fails("rollouts/other", {**ROLLOUT, "waves": [["trike-nobody"]]}, 404, "not-found")
    operator.fails("rollouts/other", {**ROLLOUT, "waves": [[VEHICLE], [VEHICLE]]}, 400, "bad-value")
    operator.fails("rollouts/other", {**ROLLOUT, "target": "../x.tfr"}, 422, "invalid")
    shown = client.operator("/v1/fleet/rollouts/first").json()
    assert shown["vehicles"][0]["shown"] == "later"
    opened = {"revision": 0, "state": "running", "wave": 1, "reason": ""}
    operator.put("rollouts/first/state", opened)
    operator.fails("rollouts/first/state", opened, 409, "state")  # somebody saw an older one
    with stand.database.begin() as connection:
        state = delivery.State(
            VEHICLE, bytes.fromhex(DIGEST), delivery.WAITING, update.BATTERY, 1000
        )
        assert releases.heard(connection, state, stand.now)
    (row,) = client.operator("/v1/fleet/releases").json()["items"]
    assert (row["shown"], row["reason"], row["wanted_version"]) == ("waiting", "BATTERY", "1.2.0")
    body = {"stage": update.ROLLED_BACK, "digest": DIGEST, "code": update.SELF_TEST, "number": 7}
    with stand.database.begin() as connection:
        releases.recorded(connection, VEHICLE, body, (1, 9), stand.now)
    (row,) = client.operator("/v1/fleet/releases").json()["items"]
    assert (row["shown"], row["reason"], row["number"]) == ("rolled_back", "SELF_TEST", None)
    stopped = {"revision": 1, "state": "stopped", "wave": 1, "reason": "1 failed"}
    operator.put("rollouts/first/state", stopped)
    operator.fails(
        "rollouts/first/state", {**stopped, "revision": 2, "state": "running"}, 409, "state"
    )
    (item,) = client.operator("/v1/fleet/rollouts").json()["items"]
    assert (item["state"], item["reason"]) == ("stopped", "1 failed")


@pytest.mark.parametrize("path", ["releases", "rollouts", "rollouts/first"])
def test_operators_only(client: Client, path: str) -> None:
    assert_problem(client.get(f"/v1/fleet/{path}"), 401, "unauthorized")
