"""Grants for persons: what the owner gives, and that the vehicle's own check takes just that."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.fleet import keys
from protocol import command
from protocol.access import Authority, Clock, Gate
from protocol.challenge import Challenges
from protocol.errors import RefusedError
from trifleet import permission
from trifleet.errors import UsageError

NOW = 1_790_000_000
VEHICLE = "trike-1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, and a grant for a mechanic."""
    made = tmp_path_factory.mktemp("keys")
    owner, mechanic, _ = (
        keys.generate_rsa(made / f"{name}.key") for name in ("owner", "mechanic", "stranger")
    )
    given = permission.give(
        owner, keys.thumbprint(mechanic), VEHICLE, ["diagnose", "update"], NOW, NOW + 86_400
    )
    (made / "mechanic.grant").write_bytes(given)
    return made


def decided(folder: Path, name: str, grant: str, action: int, now: int = NOW) -> str:
    """The name of the refusal by a vehicle's own check; empty where it obeys."""
    owner = keys.thumbprint(keys.load_rsa(folder / "owner.key"))
    challenges = Challenges(lambda size: bytes(range(size)))
    gate = Gate(Authority(VEHICLE, owner), challenges)
    challenge = challenges.give(0, 60_000)
    who = permission.open_permission(folder / f"{name}.key", folder / grant if grant else None)
    data = who.sign(VEHICLE, challenge, action, {})
    steps = gate.check_steps(data, 1, Clock(now, True))
    try:
        for _ in steps:
            pass
    except RefusedError as error:
        return str(error)
    return ""


def test_the_vehicle_obeys_the_owner_and_whom_she_named(folder: Path) -> None:
    assert decided(folder, "owner", "", command.DIAGNOSE) == ""
    assert decided(folder, "mechanic", "mechanic.grant", command.DIAGNOSE) == ""
    assert decided(folder, "mechanic", "", command.DIAGNOSE) != ""
    assert decided(folder, "mechanic", "mechanic.grant", command.UNLOCK) != ""
    assert decided(folder, "mechanic", "mechanic.grant", command.DIAGNOSE, NOW + 86_401) != ""


def test_a_grant_for_another_is_told_before_anything_is_sent(folder: Path) -> None:
    with pytest.raises(UsageError, match="given to another key"):
        decided(folder, "stranger", "mechanic.grant", command.DIAGNOSE)
    who = permission.open_permission(folder / "mechanic.key", folder / "mechanic.grant")
    with pytest.raises(UsageError, match="is for trike-1; this is trike-2"):
        who.sign("trike-2", bytes(16), command.DIAGNOSE, {})
    assert "PRIVATE" not in repr(who) and "key=" not in repr(who)


@pytest.mark.parametrize("actions", [[], ["transfer"], ["diagnose", "fly"]])
def test_only_what_may_be_granted(folder: Path, actions: list[str]) -> None:
    owner = keys.load_rsa(folder / "owner.key")
    with pytest.raises(UsageError, match="no action"):
        permission.give(owner, bytes(32), VEHICLE, actions, NOW, NOW + 1)


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=400), cut=st.integers(0, 2_000))
def test_nonsense_is_no_grant(folder: Path, data: bytes, cut: int) -> None:
    whole = (folder / "mechanic.grant").read_bytes()
    path = folder / "any.grant"
    for content in (data, whole[: cut % len(whole)], whole + data[:1] + b"\0"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="not a grant"):
            permission.read_grant(path)
