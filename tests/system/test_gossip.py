"""After `trifleet run`: what the gateways saw of the log, checked as a stranger checks it."""

import base64
import tomllib
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from running import RunningStack

from edge_gateway.checkpoints import Checkpoints
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import MissingError
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from protocol import sighting

GATEWAYS = ["gw-1", "gw-2"]
pytestmark = pytest.mark.slow


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Stranger:
    """Knows the log's key; has the API's address and nothing else."""

    def __init__(self, stack: RunningStack) -> None:
        self._address = stack.address
        self.log: Verifier = parse_policy(stack.layout.policy.read_bytes()).logs[0]

    def sightings(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._address}/v1/ledger/sightings", trust_env=False, timeout=10)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def fetch(self, path: str) -> bytes:
        answer = httpx.get(f"{self._address}/ledger/{path}", trust_env=False, timeout=10)
        if answer.status_code == 404:
            raise MissingError(path)
        return answer.content

    def open(self, item: dict[str, Any]) -> sighting.Sighting:
        key = Ed25519PublicKey.from_public_bytes(_raw(item["public_key"]))

        def verify(message: bytes, signature: bytes) -> bool:
            try:
                key.verify(signature, message)
            except InvalidSignature:
                return False
            return True

        return sighting.open_sighting(_raw(item["sighting"]), verify)


@pytest.fixture
def stranger(stack: RunningStack) -> Stranger:
    made = Stranger(stack)

    def seen() -> list[str]:
        # Of a log that has begun: on a young stack the first sighting may be of an empty one.
        return [one["gateway"] for one in made.sightings() if one["size"] > 0]

    stack.wait_for(lambda: seen() == GATEWAYS, "sightings", 60.0)
    return made


def test_every_gateways_sighting_agrees_with_the_log_that_is_shown(stranger: Stranger) -> None:
    reader = LedgerReader(stranger.fetch, stranger.log)
    seen = stranger.sightings()
    reader.update()
    for item in seen:
        found = stranger.open(item)
        held = open_checkpoint(found.held, (stranger.log,))
        assert (found.gateway, held.size) == (item["gateway"], item["size"])
        assert held.size > 0 and reader.root_at(held.size) == held.root
    url = "/v1/ledger/disagreements"
    answer = httpx.get(stranger._address + url, trust_env=False, timeout=10)
    assert answer.json() == {"items": [], "next": None}


def test_a_gateway_remembers_through_kill_9(stack: RunningStack, stranger: Stranger) -> None:
    before = {item["gateway"]: item["size"] for item in stranger.sightings()}
    stack.kill("gw-1")

    def has_grown() -> bool:
        now = {item["gateway"]: item["size"] for item in stranger.sightings()}
        assert now["gw-1"] >= before["gw-1"]
        return now["gw-1"] > before["gw-1"]

    stack.wait_for(has_grown, "a newer sighting", 60.0)
    store = Checkpoints(stack.layout.gateway("gw-1") / "checkpoints.db")
    held = store.held(stranger.log.name)
    assert held is not None and held[1].size > before["gw-1"]
    assert list(store.numbers(stranger.log.name)) == []
    store.close()


def test_the_settings_of_an_installation_name_its_log(
    stack: RunningStack, stranger: Stranger
) -> None:
    """Written at every start, so an installation from before has them as well."""
    for name in GATEWAYS:
        found = tomllib.loads((stack.layout.gateway(name) / "gateway.toml").read_text())
        assert found["log"] == [{"vkey": stranger.log.vkey}]
