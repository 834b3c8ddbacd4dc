"""Hand-written RLP, signatures and addresses against eth-account and rlp, as oracles."""

import os
from pathlib import Path
from typing import Any

import evm_packages
import pytest
import rlp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_keys import keys
from eth_utils import keccak, to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_backend.anchors.errors import SettingsError
from fleet_backend.anchors.keccak import keccak256
from fleet_backend.anchors.secp256k1 import ORDER, sign_digest
from fleet_backend.anchors.transaction import (
    Transaction,
    address_of,
    contract_address,
    encode_rlp,
    generate_account,
    load_account,
    parse_address,
    show_address,
    transaction_hash,
)
from fleet_backend.ledger.pemfile import write_key

secrets = st.integers(1, ORDER - 1)
items: Any = st.recursive(
    st.binary(max_size=70) | st.integers(0, 1 << 256), lambda inner: st.lists(inner, max_size=5)
)
fees = st.integers(0, 1 << 64)
transactions = st.builds(
    Transaction,
    chain_id=st.integers(1, (1 << 63) - 1),
    nonce=st.integers(0, (1 << 64) - 2),
    tip_wei=fees,
    max_fee_wei=fees,
    gas=st.integers(21_000, 30_000_000),
    to=st.just(b"") | st.binary(min_size=20, max_size=20),
    data=st.binary(max_size=300),
)


def key_of(secret: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(secret, ec.SECP256K1())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_keccak_is_that_of_the_chains(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


@settings(deadline=None)
@given(items)
def test_rlp_is_that_of_the_library(item: Any) -> None:
    assert encode_rlp(item) == rlp.encode(item)


@settings(max_examples=30, deadline=None)
@given(secrets, st.binary(min_size=32, max_size=32))
def test_a_signature_recovers_to_its_key_and_is_low(secret: int, digest: bytes) -> None:
    parity, r, s = sign_digest(key_of(secret), digest)
    public = keys.Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    assert public == keys.PrivateKey(secret.to_bytes(32, "big")).public_key
    assert s <= ORDER // 2
    assert sign_digest(key_of(secret), digest) == (parity, r, s)


@settings(max_examples=30, deadline=None)
@given(secrets, transactions)
def test_a_signed_transaction_is_that_of_eth_account(secret: int, form: Transaction) -> None:
    raw = form.sign(key_of(secret))
    fields = {
        "type": 2,
        "chainId": form.chain_id,
        "nonce": form.nonce,
        "maxPriorityFeePerGas": form.tip_wei,
        "maxFeePerGas": form.max_fee_wei,
        "gas": form.gas,
        "to": form.to,
        "value": 0,
        "data": form.data,
    }
    due = evm_packages.Account.sign_transaction(fields, secret.to_bytes(32, "big"))
    assert raw == bytes(due.raw_transaction)
    assert transaction_hash(raw) == bytes(due.hash)


@settings(deadline=None)
@given(secrets, st.integers(0, 1 << 60))
def test_addresses_are_those_of_the_chains(secret: int, nonce: int) -> None:
    address = address_of(key_of(secret))
    assert address == keys.PrivateKey(secret.to_bytes(32, "big")).public_key.to_canonical_address()
    assert contract_address(address, nonce) == keccak(rlp.encode([address, nonce]))[12:]
    assert show_address(address) == to_checksum_address(address)
    assert parse_address(show_address(address)) == address
    assert parse_address(address.hex()) == address


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_nonsense_is_no_address(text: str) -> None:
    try:
        address = parse_address(text)
    except SettingsError:
        return
    assert text.lower().removeprefix("0x") == address.hex()


def test_a_mistyped_address_is_refused() -> None:
    good = show_address(bytes(range(100, 120)))
    place = next(at for at, char in enumerate(good[2:], start=2) if char.isalpha())
    with pytest.raises(SettingsError, match="checksum"):
        parse_address(good[:place] + good[place].swapcase() + good[place + 1 :])


def test_the_key_lies_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "account.key"
    key = generate_account(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert address_of(load_account(path)) == address_of(key)
    with pytest.raises(SettingsError, match="cannot write"):
        generate_account(path)
    os.chmod(path, 0o640)
    with pytest.raises(SettingsError, match="0600"):
        load_account(path)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_key_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    other = (
        Ed25519PrivateKey.generate()
        if kind == "ed25519"
        else ec.generate_private_key(ec.SECP256R1())
    )
    write_key(tmp_path / "key", other)
    with pytest.raises(SettingsError, match="secp256k1"):
        load_account(tmp_path / "key")
