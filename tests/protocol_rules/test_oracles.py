"""The protocol against independent implementations: cryptography, cantools, cwt, cbor2."""

import hashlib
import hmac
import random

import cantools
import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as oracle_rsa
from cwt import COSE, COSEKey
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import can, can_table, cbor, cose, mac, record, rsa

PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@pytest.fixture(scope="module", params=[2048, 3072])
def private_key(request: pytest.FixtureRequest) -> oracle_rsa.RSAPrivateKey:
    return oracle_rsa.generate_private_key(65537, request.param)


def modulus_of(key: oracle_rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")


def test_pss_agrees_with_cryptography(private_key: oracle_rsa.RSAPrivateKey) -> None:
    modulus = modulus_of(private_key)
    for size in (0, 1, 300):
        message = bytes(size)
        signature = private_key.sign(message, PSS, hashes.SHA256())
        assert rsa.verify(modulus, message, signature)
        assert not rsa.verify(modulus, message + b"x", signature)


@pytest.mark.parametrize("salt_bytes", [0, 20, 31, 33, 64, 222])
def test_other_salt_lengths_are_refused_as_the_oracle_does(salt_bytes: int) -> None:
    key = oracle_rsa.generate_private_key(65537, 2048)
    signature = key.sign(
        b"m", padding.PSS(padding.MGF1(hashes.SHA256()), salt_bytes), hashes.SHA256()
    )
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"m", PSS, hashes.SHA256())
    assert not rsa.verify(modulus_of(key), b"m", signature)


def test_thumbprint_is_the_hash_of_the_spki(private_key: oracle_rsa.RSAPrivateKey) -> None:
    der = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    modulus = modulus_of(private_key)
    assert rsa.spki(modulus) == der
    assert rsa.modulus_of_spki(der) == modulus
    assert rsa.thumbprint(modulus) == hashlib.sha256(der).digest()
    assert rsa.modulus_of_spki(der + b"\x00") is None
    assert rsa.modulus_of_spki(der[:-1] + b"\x03") is None


def test_cose_sign1_is_read_by_another_implementation(
    private_key: oracle_rsa.RSAPrivateKey,
) -> None:
    payload = cbor.encode({0: 1, 1: "trike-1"})
    aad = b"trifleet/grant/v1"
    signature = private_key.sign(cose.sign1_message(cose.PS256, aad, payload), PSS, hashes.SHA256())
    ours = cose.assemble(cose.PS256, payload, signature)
    pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = COSEKey.from_pem(pem, alg="PS256")
    tagged = b"\xd2" + ours  # COSE_Sign1 is tag 18 where the reader cannot know
    assert COSE.new().decode(tagged, key, external_aad=aad) == payload


def test_cose_mac0_is_read_by_another_implementation() -> None:
    secret = bytes(range(32))
    entry = record.Record("trike-1", 1, 0, 5, 0, record.LOST, {0: 3})
    ours = record.encode(entry, mac.Hmac(secret).tag)
    key = COSEKey.from_symmetric_key(secret, alg="HS256")
    payload = COSE.new().decode(b"\xd1" + ours, key, external_aad=record.AAD)
    assert cbor2.loads(payload)[1] == "trike-1"


@settings(max_examples=200, deadline=None)
@given(key=st.binary(max_size=200), message=st.binary(max_size=300))
def test_hmac_agrees_with_the_standard_library(key: bytes, message: bytes) -> None:
    assert mac.Hmac(key).tag(message) == hmac.new(key, message, "sha256").digest()


simple = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary() | st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 1 << 30), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(value=simple)
def test_cbor_is_read_by_another_implementation(value: object) -> None:
    try:
        ours = cbor.encode(value)
    except cbor.EncodeError:
        return
    assert cbor2.loads(ours) == value


# A message without signals carries ISO-TP bytes: nothing to code.
@pytest.mark.parametrize("name", sorted(n for n, row in can_table.MESSAGES.items() if row[5]))
def test_can_codec_agrees_with_cantools(name: str) -> None:
    database = cantools.database.load_file("hw/can/vehicle.dbc")
    identifier, _, _, _, alive_start, signals = can_table.MESSAGES[name]
    rng = random.Random(name)
    for alive in range(16):
        values = {s[0]: rng.choice((s[4], s[5], rng.randint(s[4], s[5]))) for s in signals}
        ours = can.encode(name, values, alive)
        known = dict(values)
        if alive_start is not None:
            known |= {"Alive": alive, "Crc": ours[7]}
        assert ours == database.encode_message(name, known)
        decoded = database.decode_message(identifier, ours, decode_choices=False)
        assert decoded == known
        assert can.decode(identifier, ours) == (name, values, 0 if alive_start is None else alive)
