"""Every route, with what it is for and with what it refuses."""

import os
from functools import partial
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet_backend.api.encoding import from_b64u, to_b64u
from fleet_backend.fleet import duehours, grants, rollups, statements, telemetry
from fleet_backend.fleet.chains import Chain
from fleet_backend.ledger.cose import parse_sign1
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import parse_proof, verify_proof
from protocol import cbor, command, lock, presentation, record, refusal, rsa
from protocol import statement as wire
from tests.api.api_stand import ApiStand, Client, ride_cose
from tests.issuer.parties import ask, party, present
from tests.issuer.stand import VEHICLE
from trifleet.receipt import describe, open_receipt


def assert_problem(answer: Any, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"/problems/{name}", status)
    assert body["title"]
    return body


# --- riders


def register(stand: ApiStand, name: str = "rider-new", **changes: str) -> dict[str, str]:
    proof = to_b64u(party(name).register(stand.now))
    return {"public_key": to_b64u(party(name).spki), "proof": proof, **changes}


def test_a_rider_registers_once(stand: ApiStand, client: Client) -> None:
    first = client.post("/v1/riders", json=register(stand))
    assert (first.status_code, first.json()) == (
        201,
        {"rider": party("rider-new").thumbprint.hex()},
    )
    assert client.post("/v1/riders", json=register(stand)).status_code == 200


def test_a_registration_is_proved(stand: ApiStand, client: Client) -> None:
    stolen = to_b64u(party("thief").register(stand.now))
    assert_problem(client.post("/v1/riders", json=register(stand, proof=stolen)), 403, "proof")
    old = to_b64u(party("rider-new").register(stand.now - 121))
    assert_problem(client.post("/v1/riders", json=register(stand, proof=old)), 403, "stale-proof")
    other = to_b64u(ride_cose(b"\xa0", "rider-new"))
    body = assert_problem(
        client.post("/v1/riders", json=register(stand, proof=other)), 400, "malformed"
    )
    assert (body["reason"], body["where"]) == ("missing-key", "registration")


@pytest.mark.parametrize(
    "key", ["AA", "AB=", "A", to_b64u(rsa.spki(bytes(255) + b"\x01")), "a" * 300]
)
def test_a_riders_key_is_an_rsa_key(stand: ApiStand, client: Client, key: str) -> None:
    answer = client.post("/v1/riders", json=register(stand, public_key=key))
    assert answer.status_code in (400, 422)


# --- vehicles


def test_lists_vehicles_by_pages(stand: ApiStand, client: Client) -> None:
    first = client.get("/v1/vehicles", params={"limit": 2}).json()
    assert [item["id"] for item in first["items"]] == ["trike-1", "trike-2"]
    rest = client.get("/v1/vehicles", params={"limit": 2, "cursor": first["next"]}).json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (["trike-3"], None)


@pytest.mark.parametrize("state", list(lock.STATES))
def test_a_vehicle_in_use_has_no_position(stand: ApiStand, client: Client, state: int) -> None:
    stand.report("trike-2", state, speed_mmps=4_000)
    one = client.get("/v1/vehicles/trike-2").json()
    (same,) = [i for i in client.get("/v1/vehicles").json()["items"] if i["id"] == "trike-2"]
    assert one == same
    assert one["state"] == lock.STATES[state]
    shown = {one["lat_e7"], one["lon_e7"], one["heading_cdeg"]}
    assert (shown == {None}) == (state != lock.LOCKED)
    assert one["available"] == (state == lock.LOCKED)
    assert "speed_mmps" not in one


@pytest.mark.parametrize(("rest", "available"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_vehicle_at_rest_is_available_while_a_message_wakes_it(
    stand: ApiStand, client: Client, rest: int, available: bool
) -> None:
    stand.report("trike-2", lock.LOCKED, rest=rest)
    assert client.get("/v1/vehicles/trike-2").json()["available"] is available
    items = client.operator("/v1/fleet/vehicles").json()["items"]
    (found,) = [item for item in items if item["id"] == "trike-2"]
    assert (found["rest"], found["available"]) == (rest, available)


def test_a_vehicle_that_was_never_heard_of(client: Client) -> None:
    found = client.get("/v1/vehicles/trike-3").json()
    assert (found["state"], found["available"], found["lat_e7"]) == ("UNKNOWN", False, None)


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/v1/vehicles/nobody", 404, "not-found"),
        ("/v1/vehicles/Not%20Me", 422, "invalid"),
        ("/v1/vehicles/nobody/challenge", 404, "not-found"),
        ("/v1/vehicles/trike-3/challenge", 404, "no-challenge"),
        ("/v1/vehicles?cursor=%00", 400, "bad-value"),
        ("/v1/vehicles?limit=0", 422, "invalid"),
        ("/v1/vehicles?limit=501", 422, "invalid"),
        ("/v1/grants/00000000000000000000000000000000", 404, "not-found"),
        ("/v1/grants/x", 422, "invalid"),
        ("/v1/commands/00000000000000000000000000000000", 404, "not-found"),
        ("/v1/commands/00000000000000000000000000000000/receipt", 404, "not-found"),
        ("/v1/commands/00000000000000000000000000000000/stream", 404, "not-found"),
        ("/v1/commands/zz", 422, "invalid"),
        ("/problems/nothing", 404, "not-found"),
        ("/nowhere", 404, "not-found"),
        ("/v1/riders", 405, "method-not-allowed"),
    ],
)
def test_what_is_not_there(client: Client, path: str, status: int, name: str) -> None:
    assert_problem(client.get(path), status, name)


def test_a_challenge_while_it_is_fresh(stand: ApiStand, client: Client) -> None:
    stand.challenge(bytes(range(16)), "trike-2", life_s=60)
    found = client.get("/v1/vehicles/trike-2/challenge")
    assert from_b64u(found.json()["challenge"], "") == bytes(range(16))
    assert found.json()["expires"] == stand.now + 60
    stand.now += 60
    assert_problem(client.get("/v1/vehicles/trike-2/challenge"), 404, "no-challenge")


# --- grants


def test_a_grant_is_asked_for_and_followed(stand: ApiStand, client: Client) -> None:
    body = stand.ask()
    asked = client.post("/v1/grants", json=body)
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    assert asked.json()["grants"] == []
    name = asked.json()["id"]
    again = client.post("/v1/grants", json=body)
    assert again.json()["id"] == name  # the same signed request is one request
    with stand.database.begin() as connection:
        grants.claim(connection, name, stand.now)
    assert client.get(f"/v1/grants/{name}").json()["state"] == "requested"
    stand.record("trike-2", record.LOST, {0: 1})
    logged = wire.statement_hash(newest_unlogged(stand))
    with stand.database.begin() as connection:
        grants.issue(connection, name, Chain((b"g",), (b"k",)), logged, stand.now)
    shown = client.get(f"/v1/grants/{name}").json()
    assert (shown["state"], shown["grants"], shown["keys"]) == ("issued", ["Zw"], ["aw"])


def newest_unlogged(stand: ApiStand) -> bytes:
    with stand.database.read() as connection:
        return statements.unlogged(connection, 100)[-1].statement


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"rider": "00" * 32}, 404, "unknown-rider"),
        ({"rider": "x"}, 422, "invalid"),
        ({"request": "AA"}, 400, "malformed"),
        ({"request": "=="}, 422, "invalid"),
        ({"request": "A"}, 400, "bad-value"),
        ({"request": to_b64u(ask("nobody", 1))}, 404, "not-found"),
        ({"more": 1}, 422, "invalid"),
        ({"request": 7}, 422, "invalid"),
    ],
)
def test_bad_requests_for_grants(
    stand: ApiStand, client: Client, changes: dict[str, Any], status: int, name: str
) -> None:
    assert_problem(client.post("/v1/grants", json={**stand.ask(), **changes}), status, name)


def test_a_request_belongs_to_who_sent_it_first(stand: ApiStand, client: Client) -> None:
    client.post("/v1/riders", json=register(stand, "other"))
    body = stand.ask()
    client.post("/v1/grants", json=body)
    stolen = {**body, "rider": party("other").thumbprint.hex()}
    assert_problem(client.post("/v1/grants", json=stolen), 409, "exists")


# --- commands


def test_a_command_is_a_resource(stand: ApiStand, client: Client) -> None:
    data = stand.present()
    sent = client.command(data)
    assert (sent.status_code, sent.json()["state"]) == (202, "queued")
    name = sent.json()["id"]
    assert bytes.fromhex(name) == presentation.decode(data).command_id
    assert client.command(data).json()["id"] == name
    assert client.get(f"/v1/commands/{name}").json() == sent.json()
    assert_problem(client.get(f"/v1/commands/{name}/receipt"), 404, "not-logged-yet")
    stand.refused(name)
    shown = client.get(f"/v1/commands/{name}").json()
    assert shown["state"] == "refused"
    assert (shown["refusal"]["code"], shown["refusal"]["name"]) == (3, "CHALLENGE")
    assert client.command(data).json()["state"] == "refused"


def test_the_challenge_of_a_command_is_spent(stand: ApiStand, client: Client) -> None:
    fresh = os.urandom(16)
    stand.challenge(fresh, life_s=90)
    client.command(stand.present(challenge=os.urandom(16)))
    assert client.get(f"/v1/vehicles/{VEHICLE}/challenge").status_code == 200
    client.command(stand.present(challenge=fresh))
    assert_problem(client.get(f"/v1/vehicles/{VEHICLE}/challenge"), 404, "no-challenge")


def test_an_unverified_command_is_passed_on(stand: ApiStand, client: Client) -> None:
    """The API has no key and no opinion: the vehicle decides."""
    forged = bytearray(stand.present())
    forged[-1] ^= 1
    assert client.command(bytes(forged)).status_code == 202


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", None),
        (b"\x00", "field"),
        (cbor.encode([[], [], b""]), "field"),
        (b"\x9f", "indefinite-length"),
        (bytes(4096), "too-large"),
        (b"\x83\x80\x80\x40\x00", "trailing-bytes"),
    ],
)
def test_a_presentation_that_is_none(client: Client, data: bytes, reason: str | None) -> None:
    answer = client.command(data)
    if reason is None:
        assert_problem(answer, 422, "invalid")
    else:
        assert assert_problem(answer, 400, "malformed")["reason"] == reason


def test_a_command_for_another_vehicle(stand: ApiStand, client: Client) -> None:
    assert_problem(client.command(stand.present(), vehicle="trike-2"), 409, "other-vehicle")
    strange = present("nobody", [], [])
    assert_problem(client.command(strange, vehicle="nobody"), 404, "not-found")


def test_a_vehicle_has_a_bounded_queue(stand: ApiStand, client: Client) -> None:
    answers = [client.command(stand.present()) for _ in range(40)]
    assert_problem(answers[-1], 429, "too-many-requests")
    assert int(answers[-1].headers["retry-after"]) > 0
    stand.now += 100  # what was queued expires, see the downlink's tests


def test_a_receipt_proves_the_answer(stand: ApiStand, client: Client) -> None:
    name = client.command(present("trike-2", [], []), vehicle="trike-2").json()["id"]
    stand.executed(name, vehicle="trike-2")
    assert_problem(client.get(f"/v1/commands/{name}/receipt"), 404, "not-logged-yet")
    stand.fleet.log_what_waits()
    found = client.get(f"/v1/commands/{name}/receipt")
    assert found.headers["content-type"].startswith("text/plain")
    shown = client.get(f"/v1/commands/{name}").json()
    assert (shown["state"], shown["leaf_index"] is not None) == ("executed", True)
    policy = parse_policy(stand.settings.ledger_policy.read_bytes())
    _, signed, _, body, _ = cbor.decode(parse_proof(found.text).extra)  # type: ignore[misc]
    assert verify_proof(found.text, signed, policy).index == shown["leaf_index"]
    assert bytes.fromhex(name) in wire.decode_records(body)[0]
    operators = client.operator(f"/v1/fleet/receipts/{shown['leaf_index']}")
    assert operators.text == found.text


def test_a_cose_receipt_proves_the_answer_too(stand: ApiStand, client: Client) -> None:
    name = client.command(present("trike-2", [], []), vehicle="trike-2").json()["id"]
    stand.executed(name, vehicle="trike-2")
    assert_problem(client.get(f"/v1/commands/{name}/receipt?form=cose"), 404, "not-logged-yet")
    stand.record("trike-2", 7, {0: 1})  # a log of one entry has no COSE receipt
    stand.fleet.log_what_waits()
    found = client.get(f"/v1/commands/{name}/receipt?form=cose")
    assert found.headers["content-type"] == 'application/cose; cose-type="cose-sign1"'
    policy = parse_policy(stand.settings.ledger_policy.read_bytes())
    opened = open_receipt(found.content, policy)
    leaf = client.get(f"/v1/commands/{name}").json()["leaf_index"]
    assert opened.index == leaf
    assert any(bytes.fromhex(name).hex() in str(describe(item)) for item in opened.records)
    text = client.get(f"/v1/commands/{name}/receipt?form=tlog-proof").text
    other = open_receipt(text.encode(), policy)
    assert (opened.index, opened.root) == (other.index, other.root)
    assert list(map(describe, opened.records)) == list(map(describe, other.records))
    assert client.operator(f"/v1/fleet/receipts/{leaf}?form=cose").content == found.content
    assert_problem(client.get(f"/v1/commands/{name}/receipt?form=pdf"), 422, "invalid")
    root = client.get("/ledger/checkpoint.cose")
    assert root.headers["content-type"].startswith("application/cose")
    assert parse_sign1(root.content).signature == parse_sign1(found.content).signature


# --- the operator


def test_the_operator_sees_all_vehicles(stand: ApiStand, client: Client) -> None:
    stand.report("trike-2", lock.DRIVE)
    items = client.operator("/v1/fleet/vehicles").json()["items"]
    assert [item["id"] for item in items] == ["trike-1", "trike-2", "trike-3"]
    assert (items[1]["lat_e7"], items[1]["gateway"]) == (488_566_000, "gw-2")
    assert items[0]["last_refusal"]["name"] == "CHALLENGE"
    assert items[2]["last_refusal"] is None


def test_the_operator_pages_through_records(stand: ApiStand, client: Client) -> None:
    for _ in range(5):
        stand.locked("trike-3")
    path = "/v1/fleet/vehicles/trike-3/events"
    first = client.operator(f"{path}?limit=3").json()
    rest = client.operator(f"{path}?limit=3&cursor={first['next']}").json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True) and len(ids) == 5 and rest["next"] is None
    item = first["items"][0]
    assert (item["kind_name"], item["body"]["state"], item["gateway"]) == ("LOCK", 0, "gw-2")
    assert len(item["statement_hash"]) == 64


def test_the_operator_sees_telemetry_in_columns(stand: ApiStand, client: Client) -> None:
    for at in (10, 20, 30):
        stand.sample("trike-3", at, speed_mmps=at, pack_mv=48_000)
    found = client.operator("/v1/fleet/vehicles/trike-3/telemetry?from=15&to=30").json()
    assert found["time"] == [20, 30] and found["speed_mmps"] == [20, 30]
    assert found["soc_permille"] == [None, None]
    assert found["step"] == "raw" and found["speed_mmps_max"] == []
    backwards = client.operator("/v1/fleet/vehicles/trike-3/telemetry?from=2&to=1")
    assert_problem(backwards, 400, "bad-value")


def test_the_operator_sees_a_day_in_spans(stand: ApiStand, client: Client) -> None:
    hour = 1_790_000_000 // 3_600 * 3_600
    for second in range(0, 180, 3):
        stand.sample("trike-2", hour + second, speed_mmps=second, pack_mv=48_000)
    with stand.database.begin() as connection:
        rollups.mark(connection, [("trike-2", hour)], hour)
    path = f"/v1/fleet/vehicles/trike-2/telemetry?from={hour}&to={hour + 86_399}"
    by_minute = client.operator(path + "&step=1min").json()
    assert by_minute["time"] == [hour, hour + 60, hour + 120]
    assert by_minute["speed_mmps_min"] == [0, 60, 120]
    assert by_minute["speed_mmps"] == [29, 89, 149]  # the mean, halves away from zero
    assert by_minute["speed_mmps_max"] == [57, 117, 177]
    with stand.database.begin() as connection:
        rollups.compute(connection, "trike-2", hour)
    assert client.operator(path + "&step=1min").json() == by_minute
    chosen = [client.operator(f"{path}&step=auto&points={n}").json()["step"] for n in (60, 59, 3)]
    assert chosen == ["raw", "1h", "1h"]
    assert client.operator(path + "&step=auto&points=1500&to=1").status_code == 400
    for wrong in ("step=2min", "points=0", "points=5001"):
        assert_problem(client.operator(f"{path}&{wrong}"), 422, "invalid")


@pytest.mark.parametrize("step", ["raw", "1s"])
def test_the_operator_pages_through_a_day(
    stand: ApiStand, client: Client, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = 1_790_100_000 + (0 if step == "raw" else 7_200)
    for second in range(7):
        stand.sample("trike-3", start + second, speed_mmps=second)
    with stand.database.begin() as connection:
        rollups.mark(connection, [("trike-3", start)], start)
    paged = partial(getattr(telemetry, "series" if step == "raw" else "rolled_up"), limit=3)
    monkeypatch.setattr(telemetry, "series" if step == "raw" else "rolled_up", paged)
    path = f"/v1/fleet/vehicles/trike-3/telemetry?from={start}&to={start + 6}&step={step}"
    found, following = [], ""
    for _ in range(3):
        page = client.operator(path + following).json()
        found.append([time - start for time in page["time"]])
        following = f"&cursor={page['next']}"
    assert found == [[4, 5, 6], [1, 2, 3], [0]] and page["next"] is None


@pytest.mark.parametrize(
    "wrong",
    ["raw&cursor=1", "raw&cursor=1-2", "raw&cursor=1-2-3-4", "raw&cursor=01-2-3", "raw&cursor=-1",
     "raw&cursor=a", "raw&cursor=", "1s&cursor=1-2-3", "1min&cursor=1-", "1h&cursor=1%C2%B2"],
)  # fmt: skip
def test_a_cursor_that_no_page_gave_is_refused(client: Client, wrong: str) -> None:
    path = f"/v1/fleet/vehicles/trike-3/telemetry?step={wrong}"
    assert_problem(client.operator(path), 400, "bad-value")


def test_the_operator_is_told_which_hours_are_still_due(
    stand: ApiStand, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = 1_791_000_000 // 3_600 * 3_600
    for second in range(6):
        stand.sample("trike-2", hour + second)
    with stand.database.begin() as connection:
        rollups.mark(connection, [("trike-2", hour)], hour)
    path = f"/v1/fleet/vehicles/trike-2/telemetry?from={hour}&to={hour + 99}&step=1min"
    answers = []
    for most in (5, 6):
        monkeypatch.setattr(duehours, "MAX_SAMPLES", most)
        answers.append(client.operator(path).json())
    assert [(one["time"], one["due"]) for one in answers] == [([], [hour]), ([hour], [])]


def test_the_operator_sees_a_vehicle_by_the_names_of_vss(stand: ApiStand, client: Client) -> None:
    stand.report("trike-1", lock.DRIVE, speed_mmps=5_000, pack_da=120, charging=2, warning=1)
    found = client.operator("/v1/fleet/vehicles/trike-1/vss").json()
    assert (found["version"], found["time"]) == ("5.1", stand.now)
    battery = "Vehicle.Powertrain.TractionBattery."
    known = {
        "Vehicle.Speed": 18.0,
        battery + "CurrentCurrent": -12.0,
        battery + "StateOfCharge.Current": 80.0,
        battery + "Charging.ChargingPort.AnyPosition.IsChargingCableConnected": False,
        battery + "Charging.IsCharging": True,
    }
    assert known.items() <= found["values"].items()
    place = {f"Vehicle.CurrentLocation.{name}" for name in ("Latitude", "Longitude", "Heading")}
    assert set(found["values"]) - set(known) == place  # what is not known is not there


def test_the_operator_sees_every_refusal_once(stand: ApiStand, client: Client) -> None:
    for number in range(4):
        stand.quarantined(f"reason-{number}")
    stand.record(VEHICLE, record.REFUSAL, {0: os.urandom(16), 1: refusal.CHALLENGE, 2: 1, 3: 0})
    path, found = "/v1/fleet/refusals?limit=2", []
    while path:
        page = client.operator(path).json()
        found += [(item["source"], item["id"]) for item in page["items"]]
        path = page["next"] and f"/v1/fleet/refusals?limit=2&cursor={page['next']}"
    assert len(found) == len(set(found))
    assert {source for source, _ in found} == {"vehicle", "quarantine"}
    assert sum(source == "quarantine" for source, _ in found) == 4


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/v1/fleet/vehicles/nobody/events", 404, "not-found"),
        ("/v1/fleet/vehicles/nobody/telemetry", 404, "not-found"),
        ("/v1/fleet/vehicles/nobody/vss", 404, "not-found"),
        ("/v1/fleet/vehicles/trike-1/events?cursor=-1", 400, "bad-value"),
        ("/v1/fleet/refusals?cursor=1", 400, "bad-value"),
        ("/v1/fleet/receipts/99999", 404, "not-found"),
        ("/v1/fleet/receipts/-1", 400, "bad-value"),
        ("/v1/fleet/receipts/99999999999999999999999", 400, "bad-value"),
        ("/v1/fleet/receipts/x", 422, "invalid"),
    ],
)
def test_what_the_operator_cannot_have(client: Client, path: str, status: int, name: str) -> None:
    assert_problem(client.operator(path), status, name)


# --- the service


def test_health_says_which_part_fails(client: Client) -> None:
    body = assert_problem(client.get("/healthz"), 503, "unhealthy")
    assert body["parts"] == {"database": "ok", "ledger": "ok", "broker": "not-connected"}


def test_metrics_are_totals(stand: ApiStand, client: Client) -> None:
    text = client.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["trifleet_gateways_online"].samples[0].value == 1
    assert families["trifleet_statements"].samples[0].value > 0
    assert "trifleet_build_info" in families and "trifleet_commands" in families
    assert VEHICLE not in text and "gw-2" not in text


def test_every_problem_has_a_page(client: Client) -> None:
    found = client.get("/problems/no-challenge").json()
    assert (found["name"], found["status"]) == ("no-challenge", 404)


def test_actions_are_numbers_of_the_protocol(stand: ApiStand, client: Client) -> None:
    stand.now += 1
    body = client.command(present("trike-3", [], [], action=command.LOCK), vehicle="trike-3").json()
    assert body["action"] == command.LOCK
