"""A POST has its effect once, however often and at whatever moment it is sent."""

import threading

import httpx
import pytest
from sqlalchemy import func, select

from fleet_backend.fleet.schema import commands, grants, idempotency
from tests.api.api_stand import ApiStand, Client
from tests.issuer.stand import VEHICLE

KEY = "key-of-this-test-0001"


def count(stand: ApiStand, table: object) -> int:
    with stand.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar() or 0  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [None, "", "short", "has space in it", "x" * 129, "schlüssel-8"])
def test_a_post_needs_a_key(stand: ApiStand, address: str, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key.encode("latin-1")}
    answer = httpx.post(f"{address}/v1/grants", json=stand.ask(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key")


def test_every_post_of_the_table_needs_a_key(stand: ApiStand, address: str) -> None:
    for path in ("/v1/riders", "/v1/grants", f"/v1/vehicles/{VEHICLE}/commands"):
        assert httpx.post(f"{address}{path}", json={}).status_code in (400, 422)
    document = httpx.get(f"{address}/openapi.json").json()
    posts = {path: m["post"] for path, m in document["paths"].items() if "post" in m}
    # Sealed, and known by its own bytes: the same request is the same enrolment.
    posts.pop("/v1/enrolments")
    assert len(posts) == 3
    for operation in posts.values():
        assert [p["required"] for p in operation["parameters"] if p["name"] == "Idempotency-Key"]


def test_the_same_again_gets_the_same_answer(stand: ApiStand, client: Client) -> None:
    body, headers = stand.ask(), {"Idempotency-Key": KEY}
    first = client.post("/v1/grants", json=body, headers=headers)
    before = count(stand, grants)
    again = client.post("/v1/grants", json=body, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert count(stand, grants) == before


def test_the_same_key_for_something_else_is_refused(stand: ApiStand, client: Client) -> None:
    headers = {"Idempotency-Key": "key-of-this-test-0002"}
    client.post("/v1/grants", json=stand.ask(), headers=headers)
    for answer in (
        client.post("/v1/grants", json=stand.ask(), headers=headers),
        client.post(
            f"/v1/vehicles/{VEHICLE}/commands", json={"presentation": "AA"}, headers=headers
        ),
    ):
        assert answer.status_code in (400, 422)
    assert (
        "idempotency-key-reused"
        in client.post("/v1/grants", json=stand.ask(), headers=headers).text
    )


def test_a_refused_post_does_not_burn_its_key(stand: ApiStand, client: Client) -> None:
    headers = {"Idempotency-Key": "key-of-this-test-0003"}
    bad = {**stand.ask(), "rider": "00" * 32}
    assert client.post("/v1/grants", json=bad, headers=headers).status_code == 404
    assert client.post("/v1/grants", json=stand.ask(), headers=headers).status_code == 202


def test_a_race_has_one_effect(stand: ApiStand, address: str) -> None:
    body = stand.ask()
    before, kept = count(stand, grants), count(stand, idempotency)
    gate, answers = threading.Barrier(8), []

    def work() -> None:
        with Client(base_url=address, timeout=20, trust_env=False) as client:
            gate.wait()
            headers = {"Idempotency-Key": "key-of-this-test-0004"}
            answers.append(client.post("/v1/grants", json=body, headers=headers))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(a.status_code, a.content) for a in answers} == {(202, answers[0].content)}
    assert (count(stand, grants), count(stand, idempotency)) == (before + 1, kept + 1)


def test_a_race_of_one_command_under_many_keys_has_one_effect(
    stand: ApiStand, address: str
) -> None:
    data, before = stand.present(), count(stand, commands)
    gate, names = threading.Barrier(6), []

    def work() -> None:
        with Client(base_url=address, timeout=20, trust_env=False) as client:
            gate.wait()
            names.append(client.command(data).json()["id"])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 1 and count(stand, commands) == before + 1
