"""What gateways saw, as a stranger gets it: each item verifies without a word of the server's."""

import base64
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fleet_backend.fleet import gateways, sightings
from fleet_backend.fleet.keys import generate_ed25519, public_bytes
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.evidence import find_contradiction, verify_evidence
from fleet_backend.ledger.keys import log_signer
from protocol import sighting
from tests.api.api_stand import ApiStand, Client
from tests.api.test_api_routes import assert_problem

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ingest"))
from sighting_desk import LOG_KEY, ORIGIN, proof, seen, signed

LOGS = (log_signer(ORIGIN, LOG_KEY).verifier,)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def stranger_opens(item: dict[str, object]) -> sighting.Sighting:
    """With the gateway's key, and nothing else."""
    key = Ed25519PublicKey.from_public_bytes(raw(str(item["public_key"])))

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return sighting.open_sighting(raw(str(item["sighting"])), verify)


@pytest.fixture(scope="module")
def told(stand: ApiStand, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three gateways that saw a log; the last one saw another history, and said so."""
    folder = tmp_path_factory.mktemp("keys")
    names = ["gw-5", "gw-6", "gw-7"]
    with stand.database.begin() as connection:
        for number, name in enumerate(names):
            key = generate_ed25519(folder / f"{name}.key")
            gateways.register(connection, name, public_bytes(key), gateways.GATEWAY, 1)
            for origin in (ORIGIN, "other.example/log")[: number + 1]:
                word = "fork" if name == "gw-7" else "entry"
                held = signed(6 + number, word, origin)
                payload = seen(name, key, held.note, time=stand.now, origin=origin)
                row = sightings.Seen(name, origin, held.size, stand.now, held.note, payload)
                assert sightings.put(connection, row, stand.now)
        held, refused = signed(7, "fork"), signed(12)
        path = proof(7, 12)
        payload = seen("gw-7", key, held.note, refused.note, path, time=stand.now)
        new = sightings.Disagreement(
            "gw-7", ORIGIN, bytes(32), stand.now, held.note, refused.note, payload
        )
        assert sightings.add(connection, new, stand.now) is not None
    return names


def test_anybody_gets_the_newest_sighting_of_each_gateway(
    stand: ApiStand, client: Client, told: list[str]
) -> None:
    answer = client.get("/v1/ledger/sightings")
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [(one["gateway"], one["origin"]) for one in items] == [
        ("gw-5", ORIGIN),
        ("gw-6", ORIGIN),
        ("gw-6", "other.example/log"),
        ("gw-7", ORIGIN),
        ("gw-7", "other.example/log"),
    ]
    for one in items:
        found = stranger_opens(one)
        assert (found.gateway, found.origin, found.time) == (
            one["gateway"], one["origin"], one["time"],
        )  # fmt: skip
        assert found.held.decode() == one["note"]
        if one["origin"] == ORIGIN:
            assert open_checkpoint(one["note"].encode(), LOGS).size == one["size"]


def test_pages_of_whole_gateways(client: Client, told: list[str]) -> None:
    found, cursor = [], None
    while True:
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/ledger/sightings", params=query).json()
        found.append([one["gateway"] for one in page["items"]])
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [["gw-5"], ["gw-6", "gw-6"], ["gw-7", "gw-7"]]


def test_a_disagreement_is_evidence_for_a_stranger(client: Client, told: list[str]) -> None:
    (one,) = client.get("/v1/ledger/disagreements").json()["items"]
    found = stranger_opens(one)
    assert (found.held.decode(), found.refused.decode()) == (one["held"], one["refused"])
    held, refused = (open_checkpoint(one[name].encode(), LOGS) for name in ("held", "refused"))
    evidence = find_contradiction(held, refused, found.proof)
    assert evidence is not None
    split = verify_evidence(bytes(evidence), LOGS)
    assert (split.first.size, split.second.size) == (7, 12)
    assert split.other_root == signed(7).root != held.root


def test_disagreements_are_paged_newest_first(
    stand: ApiStand, client: Client, told: list[str]
) -> None:
    with stand.database.begin() as connection:
        for number in (1, 2):
            new = sightings.Disagreement(
                "gw-5", ORIGIN, bytes([number]) * 32, 1, b"held", b"%d" % number, b"signed"
            )
            sightings.add(connection, new, stand.now)
    first = client.get("/v1/ledger/disagreements", params={"limit": 2}).json()
    assert [one["refused"] for one in first["items"]] == ["2", "1"]
    query = {"limit": 2, "cursor": first["next"]}
    rest = client.get("/v1/ledger/disagreements", params=query).json()
    assert [one["gateway"] for one in rest["items"]] == ["gw-7"] and rest["next"] is None


@pytest.mark.parametrize("path", ["/v1/ledger/sightings", "/v1/ledger/disagreements"])
@pytest.mark.parametrize("query", ["cursor=!", "limit=0", "limit=501", "cursor="])
def test_bad_pages_are_refused(client: Client, path: str, query: str) -> None:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code in (400, 422), answer.text
    assert_problem(answer, answer.status_code, answer.json()["type"].rsplit("/", 1)[1])
