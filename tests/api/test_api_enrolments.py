"""Sealed requests of new gateways: bounded, counted, the same one again is the same enrolment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_backend.api.routes.enrolments import MAX_WAITING
from fleet_backend.fleet import enrolments
from protocol import enrolment
from tests.api.api_stand import ApiStand, Client, serving

CBOR = {"Content-Type": "application/cbor"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStand]:
    """With room for the tests of this file; the limits have a server of their own."""
    folder = tmp_path_factory.mktemp("enrolments")
    made = ApiStand(folder, enrolments_per_minute=10_000, enrolments_in_all_per_minute=10_000)
    yield made
    made.close()


def sealed(number: int) -> bytes:
    asked = enrolment.Request(bytes(16), bytes(32), b"csr", number.to_bytes(16, "big"), bytes(64))
    return enrolment.encode_request(asked, bytes(32))


def test_from_the_question_to_the_answer_and_its_end(stand: ApiStand, client: Client) -> None:
    asked = client.post("/v1/enrolments", content=sealed(1), headers=CBOR)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    place = asked.headers["location"]
    again = client.post("/v1/enrolments", content=sealed(1), headers=CBOR)
    assert again.json() == asked.json()
    assert client.get(place).status_code == 202
    with stand.database.begin() as connection:
        enrolments.answer(connection, asked.json()["id"], b"sealed answer", stand.now)
    answer = client.get(place)
    assert (answer.status_code, answer.content) == (200, b"sealed answer")
    assert answer.headers["content-type"] == "application/cbor"
    with stand.database.begin() as connection:
        enrolments.sweep(connection, stand.now + enrolments.ANSWER_S + 1)
    assert client.get(place).status_code == 410
    assert client.post("/v1/enrolments", content=sealed(1), headers=CBOR).status_code == 202
    assert client.get(place).status_code == 202


def test_a_refusal_is_told(stand: ApiStand, client: Client) -> None:
    asked = client.post("/v1/enrolments", content=sealed(2), headers=CBOR).json()
    with stand.database.begin() as connection:
        enrolments.refuse(connection, asked["id"], "expired", stand.now)
    over = client.get(f"/v1/enrolments/{asked['id']}")
    assert (over.status_code, over.json()["reason"]) == (410, "expired")


def test_what_ended_is_forgotten_after_a_month(stand: ApiStand, client: Client) -> None:
    asked = client.post("/v1/enrolments", content=sealed(3), headers=CBOR).json()
    with stand.database.begin() as connection:
        enrolments.refuse(connection, asked["id"], "expired", stand.now)
        enrolments.sweep(connection, stand.now + enrolments.ROW_S + 1)
    assert client.get(f"/v1/enrolments/{asked['id']}").status_code == 404


@pytest.mark.parametrize("name", ["0" * 32, "0", "G" * 32], ids=["unknown", "short", "letters"])
def test_what_was_never_asked(client: Client, name: str) -> None:
    assert client.get(f"/v1/enrolments/{name}").status_code in (404, 422)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"nonsense", CBOR, 400),
        (sealed(4)[:-1], CBOR, 400),
        (b"", CBOR, 422),
        (sealed(4), {"Content-Type": "application/json"}, 415),
        (bytes(16 * 1024 + 1), CBOR, 413),
    ],
    ids=["nonsense", "torn", "empty", "json", "large"],
)
def test_what_is_no_request(
    client: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/v1/enrolments", content=body, headers=headers)
    assert answer.status_code == status


def test_the_queue_is_bounded(stand: ApiStand, client: Client) -> None:
    with stand.database.begin() as connection:
        for number in range(MAX_WAITING):
            enrolments.ask(connection, sealed(1000 + number), stand.now)
    full = client.post("/v1/enrolments", content=sealed(5), headers=CBOR)
    assert full.status_code == 429 and int(full.headers["retry-after"]) > 0
    known = client.post("/v1/enrolments", content=sealed(1000), headers=CBOR)
    assert known.status_code == 202


@pytest.mark.parametrize(("one", "in_all"), [(2, 100), (100, 2)], ids=["address", "in-all"])
def test_few_a_minute(folder: Path, one: int, in_all: int) -> None:
    made = ApiStand(folder, enrolments_per_minute=one, enrolments_in_all_per_minute=in_all)
    with serving(made.app) as address, Client(base_url=address, trust_env=False) as client:
        said = [
            client.post("/v1/enrolments", content=sealed(number), headers=CBOR).status_code
            for number in range(3)
        ]
        assert said == [202, 202, 429]
        assert client.post("/v1/riders", json={}).status_code == 422
    made.close()
