"""What the API measures of itself: by route template, never by path; commands to their end."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet_backend.api.hub import Item
from fleet_backend.api.meters import ApiMeters, CommandWatch
from fleet_backend.fleet.errors import DatabaseError
from tests.api.api_stand import ApiStand, Client
from tests.issuer.stand import VEHICLE


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def requests(client: Client, route: str, status: str = "2xx", method: str = "GET") -> float:
    labels = (("method", method), ("route", route), ("status", status))
    return samples(client).get(("trifleet_http_request_seconds_count", labels), 0)


def test_requests_are_counted_by_their_template(stand: ApiStand, client: Client) -> None:
    template = "/v1/vehicles/{vehicle}"
    before = requests(client, template)
    assert client.get(f"/v1/vehicles/{VEHICLE}").status_code == 200
    assert client.get("/v1/vehicles/no-such-one").status_code == 404
    assert client.get("/no/such/path/of-somebody").status_code == 404
    assert requests(client, template) == before + 1
    assert requests(client, template, "4xx") >= 1 and requests(client, "other", "4xx") >= 1
    text = client.get("/metrics").text
    assert VEHICLE not in text and "no-such-one" not in text and "of-somebody" not in text


def test_a_method_of_ones_own_makes_no_new_series(client: Client) -> None:
    client.request("BREW", "/healthz")
    client.request("POUR", "/healthz")
    text = client.get("/metrics").text
    assert "BREW" not in text and "POUR" not in text and 'method="other"' in text


def item(command: str, state: str, topic: str = "command") -> Item:
    return Item(1, topic, command, {"state": state})


def test_a_command_is_measured_to_its_end_and_once() -> None:
    meters = ApiMeters()
    watch = CommandWatch(meters)
    watch.begin("aa")
    watch.begin("aa")
    watch.saw([item("aa", "queued"), item("aa", "sent"), item("bb", "executed")])
    watch.saw([item("aa", "executed", topic="vehicle")])

    def count(outcome: str) -> Any:
        return meters.registry.get_sample_value(
            "trifleet_command_seconds_count", {"outcome": outcome}
        )

    assert count("executed") == 0
    watch.saw([item("aa", "executed"), item("aa", "executed")])
    assert count("executed") == 1
    for state in ("pending", "refused", "expired"):
        watch.begin(state)
        watch.saw([item(state, state)])
        assert count(state) == 1


def test_commands_without_an_end_are_forgotten_in_time() -> None:
    watch = CommandWatch(ApiMeters())
    for number in range(10_000):
        watch.begin(str(number))
    assert len(watch._begun) == 4_096 and "9999" in watch._begun


def test_a_database_that_is_away_is_told_and_the_rest_is_there(tmp_path: Any) -> None:
    stand = ApiStand(tmp_path)

    class Away:
        def read(self) -> None:
            raise DatabaseError("away")

        def connections_in_use(self) -> dict[str, int]:
            return {}

    kept, stand.services.database = stand.services.database, Away()  # type: ignore[assignment]
    text = stand.app.state.metrics.text().decode()
    stand.services.database = kept
    assert "trifleet_database_up 0.0" in text and "trifleet_streams_open" in text
    assert "trifleet_statements_total" not in text
    stand.close()


@pytest.mark.parametrize("name", ["trifleet_database_up", "trifleet_broker_connected"])
def test_what_can_be_reached_is_a_number(client: Client, name: str) -> None:
    assert samples(client)[name, ()] == (name == "trifleet_database_up")
