"""libsodium and `cryptography` on the edge cases of Ed25519, and batches over threads.

The cases are those of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020): small and
mixed order, S and points out of their range.
"""

import edwards
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet.keys import ed25519_verifier
from fleet_backend.ingest import judging
from fleet_backend.ingest.signatures import Check, SignaturePool, verify

SECRET, NONCE = 0x1D3_5A17, 0x2B1_77E9
KEY_POINT = edwards.times(SECRET, edwards.BASE)
KEY = edwards.encode(KEY_POINT)
TORSION = edwards.torsion()


def _by_cryptography(key: bytes, message: bytes, signature: bytes) -> bool:
    return ed25519_verifier(key)(message, signature)


def _assert_not_laxer(key: bytes, message: bytes, signature: bytes) -> None:
    if verify(key, message, signature):
        assert _by_cryptography(key, message, signature)


def test_both_accept_what_a_signer_makes() -> None:
    signature = edwards.sign(SECRET, NONCE, b"message", KEY)
    assert verify(KEY, b"message", signature)
    assert _by_cryptography(KEY, b"message", signature)
    assert not verify(KEY, b"massage", signature)


@pytest.mark.parametrize("above", [1, 2, 14])
def test_s_above_the_order_is_refused(above: int) -> None:
    signature = edwards.sign(SECRET, NONCE, b"message", KEY, above=above)
    assert not verify(KEY, b"message", signature)
    assert not _by_cryptography(KEY, b"message", signature)


@pytest.mark.parametrize("which", range(1, 8))
def test_r_of_mixed_order_is_refused(which: int) -> None:
    """It holds with the cofactor and not without: verifiers of receipts go without."""
    signature = edwards.sign(SECRET, NONCE, b"message", KEY, shift=TORSION[which])
    assert not verify(KEY, b"message", signature)
    assert not _by_cryptography(KEY, b"message", signature)


@pytest.mark.parametrize("which", range(1, 8))
def test_a_key_of_mixed_order_gets_the_same_verdict(which: int) -> None:
    key = edwards.encode(edwards.add(KEY_POINT, TORSION[which]))
    found = set()
    for number in range(24):
        message = b"%d" % number
        signature = edwards.sign(SECRET, NONCE, message, key)
        assert verify(key, message, signature) == _by_cryptography(key, message, signature)
        found.add(verify(key, message, signature))
    assert False in found


@pytest.mark.parametrize("which", range(8))
@pytest.mark.parametrize("nonce", [NONCE, 0], ids=["R of large order", "R of small order"])
def test_a_key_of_small_order_signs_nothing(which: int, nonce: int) -> None:
    """`cryptography` takes some of them: one signature for many messages."""
    key, taken = edwards.encode(TORSION[which]), 0
    for number in range(24):
        message = b"%d" % number
        signature = edwards.sign(0, nonce, message, key)
        assert not verify(key, message, signature)
        taken += _by_cryptography(key, message, signature)
    assert taken > 0


@pytest.mark.parametrize("which", range(8))
def test_r_of_small_order_is_refused_whoever_signs(which: int) -> None:
    signature = edwards.sign(SECRET, 0, b"message", KEY, shift=TORSION[which])
    assert not verify(KEY, b"message", signature)


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("y", [y for y in range(19) if edwards.x_of(y, 0) is not None])
def test_a_point_that_is_not_written_in_its_one_form_is_refused(y: int, odd: int) -> None:
    """y above the field's order, as the key and as R; and an x of 0 that is said to be odd."""
    point = (y + edwards.P | odd << 255).to_bytes(32, "little")
    signature = edwards.sign(0, NONCE, b"message", point)
    assert not verify(point, b"message", signature)
    s = edwards.challenge(point, KEY, b"message") * SECRET % edwards.L
    signature = point + s.to_bytes(32, "little")
    assert not verify(KEY, b"message", signature)
    _assert_not_laxer(KEY, b"message", signature)


@given(st.data())
def test_a_changed_signature_is_never_accepted(data: st.DataObject) -> None:
    good = edwards.sign(SECRET, NONCE, b"message", KEY)
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    changed = bytearray(good)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(KEY, b"message", bytes(changed))


@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=80))
def test_nonsense_is_no_signature(key: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(key, message, signature)


def test_a_signature_that_nobody_foresaw_is_checked_when_it_is_asked_for() -> None:
    good = edwards.sign(SECRET, NONCE, b"message", KEY)
    told = judging._told({Check(KEY, b"foreseen", good): True})
    assert told(KEY, b"foreseen", good)
    assert told(KEY, b"message", good)
    assert not told(KEY, b"another", good)
    assert not told(bytes(32), b"foreseen", good)


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 200])
def test_a_batch_gets_its_verdicts_in_order(threads: int, count: int) -> None:
    good = edwards.sign(SECRET, NONCE, b"message", KEY)
    checks = [Check(KEY, b"message" if number % 3 else b"another", good) for number in range(count)]
    with SignaturePool(threads) as pool:
        assert pool.check(checks) == [bool(number % 3) for number in range(count)]
        assert pool.check(checks[:1]) == [False][:count]
