"""A ledger whose witnesses have not cosigned yet: said as it is, and nothing else fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from fleet_backend.api.app import create_app
from fleet_backend.fleet import statements
from fleet_backend.issuer.ledgerview import LedgerView
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.keys import load_log_key, log_vkey
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import parse_proof, verify_proof
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings
from protocol import cbor
from tests.api.api_stand import ApiStand, Client, serving
from tests.issuer.stand import ORIGIN

WITNESS = Cosigner("witness.example/api", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))


class Cosigned:
    """The stand's ledger with one witness, which cosigns when it is told to, and its API."""

    def __init__(self, stand: ApiStand) -> None:
        ledger = stand.fleet.folder / "ledger"
        key = load_log_key(ledger / "log.key")
        stand.settings.ledger_policy.write_text(
            f"log {log_vkey(ORIGIN, key)}\n"
            f"witness one {WITNESS.verifier.vkey} http://127.0.0.1:1\nquorum one\n"
        )
        self.policy = parse_policy(stand.settings.ledger_policy.read_bytes())
        self.writer = LedgerWriter.open(ledger, ORIGIN, key, WriterSettings(policy=self.policy))
        self.app = create_app(stand.settings, lambda: float(stand.now))
        self.client: Client  # while `cosigned` serves
        self.stand = stand

    def log(self) -> list[bytes]:
        """Put what waits in the database into the log, signed and not published."""
        with self.stand.database.begin() as connection:
            waiting = statements.unlogged(connection, 100)
            first = self.writer.append([one.statement for one in waiting])
            places = [(one.id, leaf) for leaf, one in enumerate(waiting, first)]
            statements.assign_leaves(connection, places)
        return [one.statement for one in waiting]

    def cosign(self) -> None:
        newest = self.writer.checkpoint
        self.writer.publish(add_signatures(newest.note, [WITNESS.cosign(newest.text, 1)]))

    def sizes(self) -> tuple[float, float]:
        """Published and signed, as the metrics say."""
        text = self.client.get("/metrics").text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        names = ("trifleet_ledger_entries", "trifleet_ledger_entries_signed")
        published, signed = (families[name].samples[0].value for name in names)
        return published, signed


def client_of(address: str) -> Client:
    return Client(base_url=address, timeout=20, trust_env=False)


@pytest.fixture
def cosigned(tmp_path: Path) -> Iterator[Cosigned]:
    stand = ApiStand(tmp_path)
    stand.record("trike-2", 1, {0: 1})
    made = Cosigned(stand)
    with serving(made.app) as address, client_of(address) as made.client:
        yield made
    made.app.state.services.database.close()
    made.writer.close()
    stand.close()


def test_before_the_witness_has_cosigned(cosigned: Cosigned) -> None:
    """The empty log was published before there was a witness: that is no cosigned checkpoint."""
    cosigned.log()
    assert cosigned.client.get("/healthz").json()["parts"]["ledger"] == "not-cosigned"
    assert cosigned.sizes() == (-1, 1)
    answer = cosigned.client.operator("/v1/fleet/receipts/0")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-logged-yet")
    pending = cosigned.client.get("/ledger/pending")
    assert pending.headers["content-type"].startswith("text/plain")
    assert open_checkpoint(pending.content, cosigned.policy.logs).size == 1
    assert open_checkpoint(
        cosigned.client.get("/ledger/checkpoint").content, cosigned.policy.logs
    ).size == 0  # fmt: skip


def test_receipts_are_made_at_the_cosigned_checkpoint(cosigned: Cosigned) -> None:
    (entry,) = cosigned.log()
    cosigned.cosign()
    receipt = cosigned.client.operator("/v1/fleet/receipts/0")
    assert verify_proof(receipt.text, entry, cosigned.policy).index == 0
    assert cbor.decode(parse_proof(receipt.text).extra)[1] == entry  # type: ignore[index]
    cosigned.stand.record("trike-3", 1, {0: 1})
    cosigned.log()
    assert cosigned.client.get("/healthz").json()["parts"]["ledger"] == "ok"
    late = cosigned.client.operator("/v1/fleet/receipts/1")
    assert late.json()["type"] == "/problems/not-logged-yet"
    again = cosigned.client.operator("/v1/fleet/receipts/0")
    assert verify_proof(again.text, entry, cosigned.policy).size == 1


def test_the_issuer_believes_what_is_cosigned(cosigned: Cosigned, caplog) -> None:
    settings = cosigned.stand.settings
    view = LedgerView(settings.ledger_public, settings.ledger_policy)
    (entry,) = cosigned.log()
    assert view.refresh() == view.refresh() == 0
    assert [one.message for one in caplog.records if "not cosigned yet" in one.message] == [
        "ledger: not cosigned yet: checkpoint is not cosigned by the quorum 'one'"
    ]
    cosigned.cosign()
    assert view.refresh() == 1
    assert view.holds(0, entry)


def test_without_witnesses_nothing_is_pending(tmp_path: Path) -> None:
    stand = ApiStand(tmp_path)
    with serving(stand.app) as address, client_of(address) as client:
        assert client.get("/ledger/pending").status_code == 404
        assert client.get("/ledger/checkpoint").status_code == 200
    stand.close()
