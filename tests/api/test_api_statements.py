"""The search for entries of the log: what is found, in which order, and by whom alone."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from fleet_backend.fleet import search, statements
from fleet_backend.fleet.schema import telemetry
from protocol import lock, record
from protocol import statement as wire
from tests.api.api_stand import ApiStand, Client, serving
from tests.api.test_api_routes import assert_problem
from tests.issuer.stand import VEHICLE

DAY_S = 86_400
PATH = "/v1/fleet/statements"
LOCK = {0: lock.LOCKED, 1: 1, 2: lock.COMMAND}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStand]:
    """Today: three locks and a fault. Yesterday: one lock, and measurements alone."""
    made = ApiStand(tmp_path_factory.mktemp("statements"))
    today = made.now
    made.now = today - DAY_S
    made.record(VEHICLE, record.LOCK, LOCK)
    measure(made, "trike-2")
    made.now = today
    for _ in range(3):
        made.record(VEHICLE, record.LOCK, LOCK)
    made.record("trike-2", record.FAULT, {0: 1, 1: 9, 2: True})
    made.fleet.log_what_waits()
    yield made
    made.close()


def measure(stand: ApiStand, vehicle: str) -> None:
    """A statement that holds nothing but a sample."""
    with stand.database.begin() as connection:
        head = statements.head(connection, "gw-2")
        assert head is not None
        made = wire.Statement("gw-2", head.seq + 1, head.hash, stand.now, wire.RECORDS, bytes(32))
        signed = wire.encode(made, stand.gateway_key.sign)
        new = statements.NewStatement(
            "gw-2", made.seq, wire.statement_hash(signed), head.hash, wire.RECORDS, stand.now,
            signed, os.urandom(16), zlib.compress(b"body"),
        )  # fmt: skip
        number = statements.insert_one(connection, new, stand.now)
        row = {"vehicle": vehicle, "boot": 1, "seq": 900, "statement_id": number}
        times = {"time": stand.now, "server_time": stand.now}
        connection.execute(insert(telemetry).values({**row, **times}))


def leaves(client: Client, query: str = "") -> list[int | None]:
    answer = client.operator(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return [item["leaf_index"] for item in answer.json()["items"]]


def test_nobody_but_the_operator_searches(client: Client) -> None:
    for query in ("", f"?vehicle={VEHICLE}", "?from=0&to=1"):
        assert_problem(client.get(PATH + query), 401, "unauthorized")
    wrong = {"Authorization": "Bearer another-token-of-somebody"}
    assert_problem(client.get(PATH, headers=wrong), 401, "unauthorized")


def test_newest_first_with_what_is_in_each(stand: ApiStand, client: Client) -> None:
    items = client.operator(PATH).json()["items"]
    assert [item["leaf_index"] for item in items] == [5, 4, 3, 2, 1, 0]
    assert [len(item["records"]) for item in items] == [1, 1, 1, 1, 0, 1]
    assert items[0]["records"][0]["kind_name"] == "FAULT"
    assert items[1]["records"][0]["body"] == {"state": 0, "previous": 1, "reason": lock.COMMAND}
    assert {item["kind_name"] for item in items} == {"RECORDS"}
    assert {item["gateway"] for item in items} == {"gw-2"}
    with stand.database.read() as connection:
        row = statements.by_leaf(connection, 5)
    assert items[0]["statement_hash"] == row.hash.hex()


def test_by_vehicle_by_day_and_by_both(stand: ApiStand, client: Client) -> None:
    now, yesterday = stand.now, stand.now - DAY_S
    assert leaves(client, f"vehicle={VEHICLE}") == [4, 3, 2, 0]
    assert leaves(client, f"from={now}&to={now}") == [5, 4, 3, 2]
    assert leaves(client, f"from={yesterday}&to={now - 1}") == [1, 0]
    assert leaves(client, f"vehicle={VEHICLE}&from={yesterday}&to={yesterday}") == [0]
    assert leaves(client, f"vehicle=trike-3&from={yesterday}") == []
    assert leaves(client, f"from={now + 1}") == []


def test_measurements_are_found_within_two_days_only(stand: ApiStand, client: Client) -> None:
    first = stand.now - DAY_S
    last = first + search.MAX_MEASURED_SPAN_S
    assert leaves(client, f"vehicle=trike-2&from={first}&to={last}") == [5, 1]
    assert leaves(client, f"vehicle=trike-2&from={first}&to={last + 1}") == [5]
    assert leaves(client, "vehicle=trike-2") == [5]


@pytest.mark.parametrize("query", ["", f"vehicle={VEHICLE}&"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_join_to_the_whole(client: Client, query: str, limit: int) -> None:
    whole = leaves(client, query)
    found: list[int | None] = []
    cursor = ""
    for _ in range(10):
        answer = client.operator(f"{PATH}?{query}limit={limit}{cursor}").json()
        assert len(answer["items"]) <= limit
        found += [item["leaf_index"] for item in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert found == whole


@pytest.mark.parametrize(
    "query",
    ["from=2&to=1", "from=-1", "to=4294967296", "cursor=x", "cursor=1-", "vehicle=A", "limit=0",
     "limit=501", "vehicle=" + "a" * 33],
)  # fmt: skip
def test_what_is_not_a_question_is_refused(client: Client, query: str) -> None:
    answer = client.operator(f"{PATH}?{query}")
    assert answer.status_code in (400, 422)


def test_an_unknown_vehicle_is_not_an_empty_answer(client: Client) -> None:
    assert_problem(client.operator(f"{PATH}?vehicle=trike-99"), 404, "not-found")


def test_what_waits_and_what_was_erased_say_so(tmp_path: Path) -> None:
    stand = ApiStand(tmp_path)
    stand.record(VEHICLE, record.LOCK, LOCK)
    stand.fleet.log_what_waits()
    stand.record(VEHICLE, record.LOCK, LOCK)
    with stand.database.begin() as connection:
        statements.erase_body(connection, statements.by_leaf(connection, 0).id)
    with (
        serving(stand.app) as address,
        Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        items = client.operator(PATH).json()["items"]
    stand.close()
    assert [(item["leaf_index"], item["has_body"]) for item in items] == [(None, True), (0, False)]
