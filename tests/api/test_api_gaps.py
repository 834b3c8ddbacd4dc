"""The operator reads which statements of which gateway are missing."""

import os

import pytest

from fleet_backend.fleet import gaps, gateways, statements
from fleet_backend.fleet.statements import NewStatement
from tests.api.api_stand import ApiStand, Client
from tests.api.test_api_routes import assert_problem


@pytest.fixture(scope="module")
def gapped(stand: ApiStand) -> str:
    """Every second statement of one gateway came; then the first of the others did."""
    name, now = "gw-gaps", stand.now
    with stand.database.begin() as connection:
        gateways.register(connection, name, os.urandom(32), gateways.GATEWAY, now)
        for seq in (*range(0, 10, 2), 1):
            new = NewStatement(name, seq, os.urandom(32), bytes(32), 1, now, b"s", b"", b"")
            number = statements.insert_sealed(connection, new, now)
            gaps.note(connection, {name: [(seq, seq)]}, number - 1, now + seq)
            gaps.tell(connection, now + 99, 99)
    return name


def _get(client: Client, query: str = "") -> dict[str, list[dict[str, object]]]:
    answer = client.operator(f"/v1/fleet/gaps{query}")
    assert answer.status_code == 200
    found: dict[str, list[dict[str, object]]] = answer.json()
    return found


def test_open_gaps_are_listed_newest_first(stand: ApiStand, client: Client, gapped: str) -> None:
    items = _get(client)["items"]
    assert [(one["gateway"], one["first"], one["last"]) for one in items] == [
        (gapped, 7, 7),
        (gapped, 5, 5),
        (gapped, 3, 3),
    ]
    assert all(one["filled"] is None for one in items)
    assert items[0]["since"] == stand.now + 8


def test_filled_gaps_say_when(stand: ApiStand, client: Client, gapped: str) -> None:
    (found,) = _get(client, "?state=filled")["items"]
    assert (found["first"], found["last"], found["filled"]) == (1, 1, stand.now + 1)
    assert len(_get(client, "?state=all")["items"]) == 4


def test_pages_of_gaps_follow_each_other(stand: ApiStand, client: Client, gapped: str) -> None:
    seen, cursor = [], ""
    for _ in range(4):
        page = _get(client, f"?state=all&limit=1{cursor}")
        seen += [one["first"] for one in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert seen == [7, 5, 3, 1]
    assert page["next"] is None


def test_gaps_are_the_operators(stand: ApiStand, client: Client) -> None:
    assert_problem(client.get("/v1/fleet/gaps"), 401, "unauthorized")


@pytest.mark.parametrize("query", ["?state=maybe", "?cursor=x", "?limit=0"])
def test_nonsense_is_refused(client: Client, query: str) -> None:
    assert client.operator(f"/v1/fleet/gaps{query}").status_code in (400, 422)


def test_metrics_count_what_is_missing(stand: ApiStand, client: Client, gapped: str) -> None:
    text = client.get("/metrics").text
    assert "\ntrifleet_gateway_gaps 3.0\n" in text
    assert "\ntrifleet_gateway_statements_missing 3.0\n" in text
