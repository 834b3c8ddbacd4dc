"""Arbitrary bytes into every decoder: only the ledger's errors come out, and quickly."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ledger_tools import ORIGIN, SIGNER
from test_ledger_policy import BAD_POLICIES, NESTED, SIGNED, cosigned

from fleet_backend.ledger.addcheckpoint import Request, encode_request, parse_request
from fleet_backend.ledger.bundle import decode_bundle, encode_bundle
from fleet_backend.ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.evidence import Evidence, parse_evidence, verify_evidence
from fleet_backend.ledger.note import open_note, parse_note, parse_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import UnverifiedProof, parse_proof
from fleet_backend.ledger.tile import parse_path, split_hashes
from fleet_backend.ledger.wal import Batch, decode_batches, encode_batch

WAL = encode_batch(Batch(7, (b"a", b"", b"ccc"))) + encode_batch(Batch(10, (b"d",)))
NOTE = cosigned(0, 1, 2)
PROOF = str(UnverifiedProof(3, (bytes(32), bytes(range(32))), NOTE, b"extra")).encode()
REQUEST = encode_request(Request(3, (bytes(32), bytes(range(32))), NOTE))
SPLIT = bytes(Evidence(SIGNED.note, sign_checkpoint(Checkpoint(ORIGIN, 7, b"~" * 32), SIGNER).note))
KNOWN = (SIGNER.verifier,)


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


DECODERS = {
    "note": (parse_note, NOTE),
    "signed note": (lambda data: open_note(data, KNOWN), NOTE),
    "vkey": (lambda data: parse_vkey(as_text(data)), SIGNER.verifier.vkey.encode()),
    "checkpoint": (parse_checkpoint, SIGNED.text),
    "signed checkpoint": (lambda data: open_checkpoint(data, KNOWN), NOTE),
    "policy": (parse_policy, NESTED.encode()),
    "proof": (parse_proof, PROOF),
    "proof text": (lambda data: parse_proof(as_text(data)), PROOF),
    "tile path": (lambda data: parse_path(as_text(data)), b"tile/entries/x001/234.p/255"),
    "tile": (lambda data: split_hashes(data, 2), bytes(64)),
    "bundle": (lambda data: decode_bundle(data, 3), encode_bundle([b"a", b"", b"ccc"])),
    "request to a witness": (parse_request, REQUEST),
    "evidence": (parse_evidence, SPLIT),
    "signed evidence": (lambda data: verify_evidence(data, KNOWN), SPLIT),
    "write-ahead file": (lambda data: list(decode_batches(data)), WAL),
}
each_decoder = pytest.mark.parametrize("name", DECODERS)


def expect_a_value_or_our_error(decode: Callable[[bytes], object], data: bytes) -> None:
    """Whatever else is raised fails the test."""
    with suppress(LedgerError):
        decode(data)


@each_decoder
def test_what_was_encoded_decodes(name):
    decode, good = DECODERS[name]
    assert decode(good)


@each_decoder
def test_every_beginning_and_trailing_bytes(name):
    decode, good = DECODERS[name]
    for length in range(len(good)):
        expect_a_value_or_our_error(decode, good[:length])
    for more in (b"\0", b"\n", b" ", b"\xff", good):
        expect_a_value_or_our_error(decode, good + more)


@each_decoder
@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
@example(b"\xff")
def test_arbitrary_bytes(name, data):
    expect_a_value_or_our_error(DECODERS[name][0], data)


@each_decoder
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_good_bytes_with_a_few_changed(name, data):
    decode, good = DECODERS[name]
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        changed = changed or bytearray(b"\0")
    expect_a_value_or_our_error(decode, bytes(changed))


def large_inputs(good: bytes) -> dict[str, bytes]:
    """About 64 kB each, in the shapes that cost a decoder most."""
    size = 65_000
    return {
        "random": random.Random(3).randbytes(size),
        "one line": b"a" * size,
        "newlines": b"\n" * size,
        "digits": b"9" * size,
        "repeated": good * (size // len(good)),
        "short lines": b"a b\n" * (size // 4),
        "dashes": "— a AAAA\n".encode() * (size // 11),
        "note of dashes": b"a\n\n" + "— a AAAAAAAA\n".encode() * (size // 15),
        "groups": b"group a any b\n" * (size // 14),
        "paths": b"x001/" * (size // 5),
        "zeros": bytes(size),
    }


@each_decoder
def test_64_kilobytes_take_at_most_ten_milliseconds(name):
    decode, good = DECODERS[name]
    for shape, data in large_inputs(good).items():
        fastest = min(seconds_for(decode, data) for _ in range(5))
        assert fastest < 0.010, (shape, fastest)


def seconds_for(decode, data: bytes) -> float:
    start = time.thread_time()  # of this thread alone: other work on the machine does not count
    expect_a_value_or_our_error(decode, data)
    return time.thread_time() - start


def test_the_largest_note_of_known_keys_is_bounded():
    """64 lines of a known key are the most that is verified: a line is one Ed25519 check."""
    line = NOTE.partition(b"\n\n")[2].split(b"\n")[0] + b"\n"
    assert open_note(SIGNED.text + b"\n" + line * 64, KNOWN).signers
    with pytest.raises(LedgerError, match="65 signatures"):
        open_note(SIGNED.text + b"\n" + line * 65, KNOWN)


@pytest.mark.parametrize("case", BAD_POLICIES)
def test_errors_of_a_policy_stay_short(case):
    with pytest.raises(LedgerError) as caught:
        parse_policy(BAD_POLICIES[case].encode())
    assert len(str(caught.value)) < 200


def test_a_torn_record_is_dropped_and_a_damaged_one_refused(tmp_path: Path):
    first = encode_batch(Batch(7, (b"a", b"", b"ccc")))
    for length in range(len(first), len(WAL)):
        assert list(decode_batches(WAL[:length])) == [Batch(7, (b"a", b"", b"ccc"))]
    damaged = bytearray(WAL)
    damaged[len(first) - 1] ^= 1
    with pytest.raises(LedgerError, match="damaged at byte 0"):
        list(decode_batches(bytes(damaged)))
