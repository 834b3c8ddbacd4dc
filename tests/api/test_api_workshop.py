"""Work orders are the operator's; the place of a statement in the log is anybody's who has it."""

import os
import zlib

from fleet_backend.fleet import gateways, keys, statements, workorders
from protocol import statement as wire
from protocol import workorder
from tests.api.api_stand import ApiStand, Client
from tests.api.test_api_routes import assert_problem

LIST = "/v1/vehicles/trike-9/work-orders"


def keep(stand: ApiStand, seq: int) -> bytes:
    """A work order as ingest keeps it; returns the statement."""
    order = workorder.WorkOrder(
        "A. Mechanic", "trike-9", "virtual", b"\1", 5, 9, tests=[workorder.Step(1, "can", 0, 7, "")]
    )
    salt, body = os.urandom(16), workorder.encode(order)
    kind, committed = wire.WORK_ORDER, wire.commit(salt, body)
    made = wire.Statement("workshop-1", seq, bytes(32), stand.now, kind, committed)
    with stand.database.begin() as connection:
        public = keys.public_bytes(stand.gateway_key)
        if gateways.find(connection, "workshop-1") is None:
            flipped = bytes([public[0] ^ 1]) + public[1:]
            gateways.register(connection, "workshop-1", flipped, gateways.NOTARY, 1)
        sign1 = wire.encode(made, stand.gateway_key.sign)
        name = wire.statement_hash(sign1)
        new = statements.NewStatement(
            "workshop-1", seq, name, bytes(32), kind, stand.now, sign1, salt, zlib.compress(body)
        )
        number = statements.insert_one(connection, new, stand.now)
        workorders.add(connection, number, order)
        if seq == 0:
            statements.erase_body(connection, number)
    return sign1


def test_a_notary_is_counted_as_no_gateway(stand: ApiStand, client: Client) -> None:
    before = client.get("/metrics").text
    with stand.database.begin() as connection:
        gateways.register(connection, "workshop-2", bytes([2] * 32), gateways.NOTARY, 1)
        gateways.set_status(connection, "workshop-2", True, stand.now)
    after = client.get("/metrics").text
    for name in ("trifleet_gateways", "trifleet_gateways_online"):
        assert metric(before, name) == metric(after, name) >= 1


def metric(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_work_orders_are_the_operators(stand: ApiStand, client: Client) -> None:
    first, second = (keep(stand, seq) for seq in range(2))
    for headers in ({}, {"Authorization": "Bearer of-nothing"}):
        assert_problem(client.get(LIST, headers=headers), 401, "unauthorized")
    page = client.operator(f"{LIST}?limit=1").json()
    assert [(one["seq"], one["mechanic"]) for one in page["items"]] == [(1, "A. Mechanic")]
    assert page["items"][0]["tests"][0]["result"] == "PASS"
    rest = client.operator(f"{LIST}?cursor={page['next']}").json()
    assert [(one["seq"], one["mechanic"], one["tests"]) for one in rest["items"]] == [
        (0, None, None)
    ]
    assert rest["next"] is None and rest["items"][0]["ended"] == 9
    assert client.operator(LIST.replace("trike-9", "trike-2")).json()["items"] == []
    place = f"/v1/ledger/statements/{wire.statement_hash(second).hex()}"
    assert client.get(place).json() == {"leaf_index": None}
    stand.fleet.log_what_waits()
    index = client.get(place).json()["leaf_index"]
    assert client.get(place.replace(place[-64:], wire.statement_hash(first).hex())).json() == {
        "leaf_index": index - 1
    }
    assert_problem(client.get(f"/v1/ledger/statements/{'0' * 64}"), 404, "not-found")
    assert client.get("/v1/ledger/statements/0").status_code in (400, 422)
