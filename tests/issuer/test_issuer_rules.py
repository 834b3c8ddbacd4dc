"""What the issuer signs, and what it never signs whatever it is asked."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.fleet.chains import Chain
from fleet_backend.issuer import rules
from fleet_backend.issuer.delegation import open_delegation
from fleet_backend.issuer.errors import DelegationError
from protocol import cbor, command, grant, rsa
from protocol.presentation import SignedGrant
from tests.issuer.parties import ask, delegation, party

NOW = 1_800_000_000
V = "trike-1"
GRANT_ID = bytes(range(16))


def case(**changes: object) -> rules.Case:
    values: dict[str, object] = {
        "rider": party("rider").modulus,
        "owner": party("owner").thumbprint,
        "chain": delegation(V, NOW),
        "issuer": party("issuer").modulus,
        "seen": frozenset(),
        "now": NOW,
        "grant_id": GRANT_ID,
    }
    return rules.Case(**{**values, **changes})  # type: ignore[arg-type]


def refused(data: bytes, **changes: object) -> str:
    decision = rules.decide(data, case(**changes))
    assert isinstance(decision, rules.Refusal)
    return decision.reason


def test_issues_what_the_owner_allows() -> None:
    decision = rules.decide(ask(V, NOW), case())
    assert isinstance(decision, rules.Decision)
    given_grant = decision.grant
    assert given_grant.vehicle == V
    assert given_grant.holder == party("rider").thumbprint
    assert given_grant.actions == 3
    assert given_grant.not_after - given_grant.not_before == 900
    assert given_grant.not_before <= NOW < given_grant.not_after
    assert given_grant.grant_id == GRANT_ID
    assert given_grant.limits == {grant.MAX_SPEED_MMPS: 7_000, grant.MAX_GRANT_S: 3600}
    assert decision.delegation.keys == (party("owner").modulus, party("issuer").modulus)


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_request_that_is_no_request_is_malformed(cut: int) -> None:
    assert refused(ask(V, NOW)[:cut]) == "malformed"
    assert refused(ask(V, NOW) + b"\x00") == "malformed"


def test_the_named_rider_must_have_signed() -> None:
    assert refused(ask(V, NOW, rider="thief")) == "signature"


def test_another_kind_of_signature_is_no_request() -> None:
    data = ask(V, NOW)
    payload = cbor.decode(data)[2]  # type: ignore[index]
    wrong_use = party("rider").seal(b"trifleet/rider/v1" + payload, payload)
    assert refused(wrong_use) == "signature"


@pytest.mark.parametrize(("age", "fresh"), [(-121, False), (-120, True), (120, True), (121, False)])
def test_a_request_lives_two_minutes(age: int, fresh: bool) -> None:
    decision = rules.decide(ask(V, NOW - age), case())
    assert isinstance(decision, rules.Decision if fresh else rules.Refusal)


def test_a_nonce_serves_once() -> None:
    nonce = os.urandom(16)
    assert refused(ask(V, NOW, nonce=nonce), seen=frozenset({nonce})) == "nonce"


@pytest.mark.parametrize("actions", [0, 4, 7, 8, 16, 0x20, 0x8000, 0x8003, 0xFFFF])
def test_riders_get_unlock_and_lock_only(actions: int) -> None:
    chain = delegation(V, NOW, actions=0x1F)
    assert refused(ask(V, NOW, actions=actions), chain=chain) == "actions"


CODES = [bytes((i,)) * 16 for i in range(3)]
WITH_CODES = grant.CODE_ACTIONS | 1 << (command.LOCK - 1)


def test_codes_are_copied_and_the_vehicle_would_take_the_grant() -> None:
    chain = delegation(V, NOW, actions=WITH_CODES)
    decision = rules.decide(ask(V, NOW, actions=WITH_CODES, codes=CODES), case(chain=chain))
    assert isinstance(decision, rules.Decision)
    assert decision.grant.codes == CODES
    assert grant.decode(grant.encode(decision.grant)).codes == CODES
    assert grant.is_narrower(decision.grant, decision.delegation.last)


@pytest.mark.parametrize("actions", [1, 3, 0x80, 0x82])
def test_codes_without_the_actions_are_refused(actions: int) -> None:
    chain = delegation(V, NOW, actions=WITH_CODES)
    assert refused(ask(V, NOW, actions=actions, codes=CODES), chain=chain) == "codes"


def test_an_owner_may_leave_codes_out() -> None:
    asked = ask(V, NOW, actions=WITH_CODES, codes=CODES)
    assert refused(asked, chain=delegation(V, NOW, actions=3)) == "actions"


def test_codes_that_are_none_are_malformed() -> None:
    assert refused(ask(V, NOW, actions=WITH_CODES, codes=CODES[:1])) == "malformed"


def test_actions_stay_within_the_delegation() -> None:
    assert refused(ask(V, NOW, actions=3), chain=delegation(V, NOW, actions=1)) == "actions"


@pytest.mark.parametrize("duration_s", [0, 5, 3601, 0xFFFFFFFF])
def test_too_short_and_too_long(duration_s: int) -> None:
    assert refused(ask(V, NOW, duration_s=duration_s)) == "duration"


def test_a_grant_ends_with_its_delegation() -> None:
    chain = delegation(V, NOW, max_grant_s=0xFFFFFFFF)
    assert refused(ask(V, NOW, duration_s=43_206), chain=chain) == "duration"
    decision = rules.decide(ask(V, NOW, duration_s=43_205), case(chain=chain))
    assert isinstance(decision, rules.Decision)


def test_no_delegation_no_grant() -> None:
    assert refused(ask(V, NOW), chain=None) == "no-delegation"


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (lambda: Chain((), ()), "delegation-malformed"),
        (lambda: Chain((b"x",), (b"y",)), "delegation-malformed"),
        (lambda: Chain((b"x",), (party("owner").modulus,)), "delegation-malformed"),
        (lambda: Chain((b"x",), ()), "delegation-malformed"),
        (lambda: delegation("trike-2", NOW), "delegation-vehicle"),
        (lambda: delegation(V, NOW, owner="thief"), "delegation-owner"),
        (lambda: delegation(V, NOW, issuer="thief"), "delegation-holder"),
        (lambda: delegation(V, NOW - 90_000), "delegation-time"),
        (lambda: delegation(V, NOW + 90_000), "delegation-time"),
        (lambda: forged(), "delegation-signature"),
        (lambda: not_delegable(), "delegation-actions"),
        (lambda: through_partner(actions=0x1F), "delegation-widened"),
    ],
)
def test_a_delegation_that_does_not_reach_us(chain: object, reason: str) -> None:
    assert refused(ask(V, NOW), chain=chain()) == reason  # type: ignore[operator]


def test_a_partner_between_owner_and_issuer_is_allowed() -> None:
    decision = rules.decide(ask(V, NOW), case(chain=through_partner(actions=3)))
    assert isinstance(decision, rules.Decision)
    assert len(decision.delegation.grants) == 2 and len(decision.delegation.keys) == 3


def test_three_links_leave_no_room_for_a_grant() -> None:
    chain = through_partner(actions=3)
    longer = Chain((*chain.grants, chain.grants[0]), (*chain.keys, chain.keys[0]))
    with pytest.raises(DelegationError, match="delegation-malformed"):
        open_delegation(longer, V, b"", b"", NOW)


def forged() -> Chain:
    """The owner's words over the thief's signature."""
    chain = delegation(V, NOW)
    return Chain((party("thief").grant(SignedGrant(chain.grants[0]).grant),), chain.keys)


def link(holder: str, signer: str, actions: int) -> bytes:
    holder_thumbprint = party(holder).thumbprint
    limits = {grant.MAX_SPEED_MMPS: 7_000, grant.MAX_GRANT_S: 86_400}
    times = (NOW - 100, NOW + 10_000)
    return party(signer).grant(
        grant.Grant(V, holder_thumbprint, actions, *times, 0, os.urandom(16), limits)
    )


def not_delegable() -> Chain:
    return Chain((link("issuer", "owner", 3),), (party("owner").modulus,))


def through_partner(actions: int) -> Chain:
    grants = (
        link("partner", "owner", 3 | grant.DELEGATE),
        link("issuer", "partner", actions | grant.DELEGATE),
    )
    return Chain(grants, (party("owner").modulus, party("partner").modulus))


@settings(deadline=None)
@given(
    actions=st.integers(0, 0xFFFF) | st.sampled_from([1, 3, 0x81, 0x83]),
    duration_s=st.integers(0, 0xFFFFFFFF),
    allowed=st.integers(0, 0x1F) | st.just(0x83),
    longest=st.integers(0, 0xFFFFFFFF),
    shift=st.integers(-50_000, 50_000),
    codes=st.none() | st.integers(0, 6),
)
def test_never_signs_more_than_the_owner_gave(
    actions: int, duration_s: int, allowed: int, longest: int, shift: int, codes: int | None
) -> None:
    """Whatever is asked: the vehicle's own rules find nothing to refuse in what is issued."""
    chain = delegation(V, NOW + shift, actions=allowed, max_grant_s=longest)
    mine = None if codes is None else [bytes((i,)) * 16 for i in range(codes)]
    data = ask(V, NOW, actions=actions, duration_s=duration_s, codes=mine)
    decision = rules.decide(data, case(chain=chain))
    if isinstance(decision, rules.Refusal):
        return
    parent = decision.delegation.last
    assert grant.is_narrower(decision.grant, parent)
    assert not decision.grant.actions & ~rules.RIDER_ACTIONS
    assert decision.grant.holder == rsa.thumbprint(party("rider").modulus)
    assert not decision.grant.allows(command.TRANSFER)
    assert grant.encode(grant.decode(grant.encode(decision.grant))) == grant.encode(decision.grant)


@settings(deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=600))
def test_arbitrary_bytes_are_refused(data: bytes, link: bytes) -> None:
    assert refused(data) == "malformed"
    chain = Chain((link,), (party("owner").modulus,))
    assert refused(SIGNED, chain=chain) == "delegation-malformed"


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_never_signed(at: int, change: int) -> None:
    data = bytearray(SIGNED)
    data[at % len(data)] ^= change
    assert isinstance(rules.decide(bytes(data), case(chain=CHAIN)), rules.Refusal)


SIGNED = ask(V, NOW)
CHAIN = delegation(V, NOW)
