"""What the hot path writes and computes itself is what `protocol` and the standard library do."""

import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet.keys import ed25519_verifier, public_bytes
from fleet_backend.ingest import acks, macs
from fleet_backend.ingest.signatures import SignaturePool, signing_key
from protocol import ack

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NUMBERS = st.sets(
    st.integers(0, 300) | st.integers(0, 2**32 + 2) | st.integers(0, 2**63 - 1), max_size=40
)
NAMES = st.text("abc-019", min_size=1, max_size=32)


KEYS = st.sampled_from([b"", bytes(32), bytes(range(32))])


@given(st.lists(st.tuples(NAMES, NUMBERS, NUMBERS, KEYS), max_size=6))
def test_acknowledgements_are_those_of_the_protocol_to_the_byte(drawn) -> None:
    made = [
        ack.Ack(name, ack.to_ranges(list(yes)), ack.to_ranges(list(no - yes)), key)
        for name, yes, no, key in drawn
    ]
    with SignaturePool(1) as pool:
        found = acks.sealed(made, pool, signing_key(KEY))
    assert found == [ack.encode(one, KEY.sign) for one in made]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_many_are_signed_in_their_order(threads: int, count: int) -> None:
    made = [ack.Ack(f"gw-{number}", [(number, number)], []) for number in range(count)]
    verify = ed25519_verifier(public_bytes(KEY))
    with SignaturePool(threads) as pool:
        found = [ack.open_ack(one, verify) for one in acks.sealed(made, pool, signing_key(KEY))]
    assert [(one.gateway, one.accepted) for one in found] == [
        (one.gateway, one.accepted) for one in made
    ]


def test_a_full_acknowledgement_of_many_ranges() -> None:
    ranges = [(2 * number, 2 * number) for number in range(ack.MAX_RANGES)]
    made = ack.Ack("gw-1", ranges, [(1 << 40, (1 << 63) - 1)])
    with SignaturePool(1) as pool:
        assert acks.sealed([made], pool, signing_key(KEY)) == [ack.encode(made, KEY.sign)]


def test_a_number_that_the_wire_does_not_carry_is_no_acknowledgement() -> None:
    with SignaturePool(1) as pool, pytest.raises(OverflowError):
        acks.sealed([ack.Ack("gw-1", [(1 << 64, 1 << 64)], [])], pool, signing_key(KEY))


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_tags_are_those_of_the_standard_library(key: bytes, message: bytes) -> None:
    made = macs.Mac(key)
    assert made.tag(message) == hmac.digest(key, message, "sha256")
    assert made.tag(message) == made.tag(message)


def test_a_key_is_begun_once() -> None:
    assert macs.of(bytes(32)) is macs.of(bytes(32))
    assert macs.of(bytes(32)) is not macs.of(bytes(31))
