"""The gate's back-off: strangers' failures close it for strangers."""

import secrets
from typing import Any

import pytest

from protocol import access, challenge, command, cose, grant, presentation, refusal, rsa
from protocol.errors import RefusedError
from trifleet.client import HolderKey

NOW = 1_800_000_000


def test_the_actions_that_are_known_are_those_with_a_name() -> None:
    for action in [*range(300), 2**32, 2**63]:
        try:
            command.check_args(action, {})
            known = True
        except RefusedError as error:
            known = error.code != refusal.ACTION
        assert known is (action in command.NAMES), action


class Vehicle:
    """A gate with a clock that the test moves."""

    def __init__(self, owner: HolderKey) -> None:
        self.owner = owner
        self.uptime_ms = 0
        self.challenges = challenge.Challenges(secrets.token_bytes)
        self.gate = access.Gate(access.Authority("trike-1", owner.thumbprint), self.challenges)

    def outcome(self, presented: bytes) -> int:
        """0 if it is obeyed, else the refusal code."""
        clock = access.Clock(NOW, True)
        try:
            rsa.run(self.gate.check_steps(presented, self.uptime_ms, clock))
        except RefusedError as error:
            return error.code
        return 0

    def present(self, granted: list[bytes], keys: list[HolderKey], signer: HolderKey) -> bytes:
        fresh = self.challenges.give(self.uptime_ms, challenge.ONLINE_LIFE_MS)
        name = b""
        if granted:
            name = grant.decode(cose.split(granted[-1], cose.PS256, "grant")[0]).grant_id
        asked = command.encode(command.Command("trike-1", fresh, command.LOCK, {}, name))
        sealed = signer.seal(asked, command.signed_message(asked))
        return presentation.encode(granted, [key.modulus for key in keys], sealed)


@pytest.fixture(scope="module")
def people() -> dict[str, HolderKey]:
    return {name: HolderKey() for name in ("owner", "rider", "newcomer", "stranger")}


def granted_to(people: dict[str, HolderKey], name: str) -> bytes:
    given: dict[str, Any] = {"not_before": NOW - 1, "not_after": NOW + 3600, "generation": 0}
    payload = grant.encode(
        grant.Grant(
            "trike-1",
            people[name].thumbprint,
            3,
            grant_id=secrets.token_bytes(16),
            limits={},
            **given,
        )
    )
    return people["owner"].seal(payload, grant.signed_message(payload))


def test_strangers_cannot_shut_out_the_rider_or_the_owner(people: dict[str, HolderKey]) -> None:
    vehicle = Vehicle(people["owner"])
    own, later = granted_to(people, "rider"), granted_to(people, "newcomer")
    chain = [people["owner"], people["rider"]]
    assert vehicle.outcome(vehicle.present([own], chain, people["rider"])) == 0
    for _ in range(5):
        forged = vehicle.present([later], [people["owner"], people["newcomer"]], people["stranger"])
        assert vehicle.outcome(forged) == refusal.SIGNATURE
    new = vehicle.present([later], [people["owner"], people["newcomer"]], people["newcomer"])
    assert vehicle.outcome(new) == refusal.BACKOFF
    vehicle.uptime_ms += 500
    assert vehicle.outcome(vehicle.present([own], chain, people["rider"])) == 0


def test_the_owner_is_heard_in_back_off(people: dict[str, HolderKey]) -> None:
    vehicle = Vehicle(people["owner"])
    later = granted_to(people, "newcomer")
    newcomer = [people["owner"], people["newcomer"]]
    for _ in range(5):
        forged = vehicle.present([later], newcomer, people["stranger"])
        assert vehicle.outcome(forged) == refusal.SIGNATURE
    # In the owner's name, by somebody else: heard, checked, refused.
    false = vehicle.present([], [people["owner"]], people["stranger"])
    assert vehicle.outcome(false) == refusal.SIGNATURE
    assert vehicle.outcome(vehicle.present([], [people["stranger"]], people["stranger"])) == (
        refusal.BACKOFF
    )
    assert vehicle.outcome(vehicle.present([], [people["owner"]], people["owner"])) == 0


def test_back_off_doubles_and_ends(people: dict[str, HolderKey]) -> None:
    vehicle = Vehicle(people["owner"])
    later = granted_to(people, "newcomer")
    chain = [people["owner"], people["newcomer"]]
    waits = []
    for _ in range(5):
        assert vehicle.outcome(vehicle.present([later], chain, people["stranger"])) == 15
    for _ in range(10):
        before = vehicle.uptime_ms
        while (
            code := vehicle.outcome(vehicle.present([later], chain, people["stranger"]))
        ) == refusal.BACKOFF:
            vehicle.uptime_ms += 500
        assert code == refusal.SIGNATURE
        waits.append(vehicle.uptime_ms - before)
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000]
    vehicle.uptime_ms += 300_000
    assert vehicle.outcome(vehicle.present([later], chain, people["newcomer"])) == 0
