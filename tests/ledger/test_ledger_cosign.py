"""Cosigners and their keys at rest, and the body of `add-checkpoint`."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import SIGNER
from test_ledger_cosignatures import GOOD_LINE, SIGNED, pq_message

from fleet_backend.ledger.addcheckpoint import Request, encode_request, parse_request
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import ConfigError, LedgerError, NoteError, RequestError
from fleet_backend.ledger.keys import generate_cosigner_key, load_cosigner
from fleet_backend.ledger.note import add_signatures, encode_base64, open_note
from fleet_backend.ledger.pemfile import write_key

NAME = "witness.example/w1"
SEED = bytes(range(1, 33))
KEYS = {
    "Ed25519": Ed25519PrivateKey.from_private_bytes(SEED),
    "ML-DSA-44": MLDSA44PrivateKey.from_seed_bytes(SEED),
}
HASH = encode_base64(bytes(range(32)))
each_key = pytest.mark.parametrize("kind", KEYS)


@each_key
def test_a_cosignature_goes_round(kind):
    cosigner = Cosigner(NAME, KEYS[kind])
    line = cosigner.cosign(SIGNED.text, 1_700_000_000)
    note = add_signatures(SIGNED.note, [line])
    assert open_note(note, [cosigner.verifier]).signers == {cosigner.verifier: 1_700_000_000}


def test_the_messages_are_those_of_the_specification():
    """Each signature is checked with the key alone, over a message that is written here."""
    for kind, message in {
        "Ed25519": b"cosignature/v1\ntime 5\n" + SIGNED.text,
        "ML-DSA-44": pq_message(NAME, 5, SIGNED.origin, SIGNED.size, SIGNED.root),
    }.items():
        line = Cosigner(NAME, KEYS[kind]).cosign(SIGNED.text, 5)
        blob = base64.b64decode(line.split(" ")[2])
        assert blob[4:12] == (5).to_bytes(8, "big")
        KEYS[kind].public_key().verify(blob[12:], message)


@each_key
def test_nothing_but_checkpoints_is_cosigned(kind):
    for text in (b"a text\n", SIGNED.text + b"more\n", SIGNED.text[:-1], b""):
        with pytest.raises(NoteError, match="only checkpoints"):
            Cosigner(NAME, KEYS[kind]).cosign(text, 5)
    for time_s in (-1, 1 << 63):
        with pytest.raises(NoteError, match="impossible time"):
            Cosigner(NAME, KEYS[kind]).cosign(SIGNED.text, time_s)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "w" * 256])
def test_a_name_that_cannot_cosign_is_refused(name):
    with pytest.raises(NoteError):
        Cosigner(name, KEYS["Ed25519"])


@each_key
def test_a_cosigner_does_not_print_its_key(kind):
    shown = repr(Cosigner(NAME, KEYS[kind]))
    assert NAME in shown
    assert "PrivateKey" not in shown


@each_key
def test_key_files_are_private_and_say_their_type(tmp_path, kind):
    path = tmp_path / "witness.key"
    key = generate_cosigner_key(path, post_quantum=kind == "ML-DSA-44")
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = load_cosigner(NAME, path)
    assert loaded.verifier == Cosigner(NAME, key).verifier
    assert type(loaded.private_key) is type(KEYS[kind])
    with pytest.raises(ConfigError):
        generate_cosigner_key(path, post_quantum=False)
    with pytest.raises(ConfigError, match="witness name"):
        load_cosigner("a b", path)
    path.chmod(0o604)
    with pytest.raises(ConfigError, match="0600"):
        load_cosigner(NAME, path)


def test_a_key_of_another_type_is_refused(tmp_path):
    path = tmp_path / "witness.key"
    write_key(path, rsa.generate_private_key(65537, 2048))
    with pytest.raises(ConfigError, match="neither"):
        load_cosigner(NAME, path)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, (1 << 63) - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.booleans(),
)
def test_requests_go_round(old, proof, cosigned):
    note = add_signatures(SIGNED.note, [GOOD_LINE]) if cosigned else SIGNED.note
    request = Request(old, proof, note)
    assert parse_request(encode_request(request)) == request


def body(head: str, note: bytes = SIGNED.note) -> bytes:
    return head.encode() + note


BAD_BODIES = {
    "empty": b"",
    "note alone": SIGNED.note,
    "no old size": body(f"{HASH}\n\n"),
    "no empty line": body("old 0\n"),
    "no note": b"old 0\n\n",
    "two empty lines": body("old 0\n\n\n"),
    "leading zero": body("old 00\n\n"),
    "leading zero before a size": body("old 07\n\n"),
    "plus": body("old +7\n\n"),
    "minus": body("old -7\n\n"),
    "two spaces": body("old  7\n\n"),
    "space behind": body("old 7 \n\n"),
    "tab": body("old\t7\n\n"),
    "capitals": body("Old 7\n\n"),
    "other digits": body("old \u0667\n\n"),
    "2^63": body(f"old {1 << 63}\n\n"),
    "2^64": body(f"old {1 << 64}\n\n"),
    "many digits": body(f"old {'9' * 5000}\n\n"),
    "carriage returns": body("old 7\r\n\r\n"),
    "carriage returns everywhere": body("old 7\n\n").replace(b"\n", b"\r\n"),
    "line before": body("\nold 7\n\n"),
    "short hash": body(f"old 7\n{HASH[:40]}\n\n"),
    "long hash": body(f"old 7\n{encode_base64(bytes(33))}\n\n"),
    "stray bits": body(f"old 7\n{HASH[:-2]}9=\n\n"),
    "no padding": body(f"old 7\n{HASH[:-1]}\n\n"),
    "space behind a hash": body(f"old 7\n{HASH} \n\n"),
    "64 hashes": body("old 7\n" + f"{HASH}\n" * 64 + "\n"),
    "not ASCII": body("old 7\n\u00e9\n\n"),
    "not UTF-8": b"old 7\n\xff\n\n" + SIGNED.note,
    "note without its last newline": body("old 0\n\n", SIGNED.note[:-1]),
    "note without signatures": body("old 0\n\n", SIGNED.text + b"\n"),
    "note of another text": body("old 0\n\n", SIGNER.sign(b"a text\n")),
    "note with an extension line": body("old 0\n\n", SIGNER.sign(SIGNED.text + b"more\n")),
    "too long": body("old 0\n\n") + bytes(300_000),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_malformed_requests_are_refused(case):
    with pytest.raises(RequestError):
        parse_request(BAD_BODIES[case])


def test_the_bounds_are_accepted():
    head = f"old {(1 << 63) - 1}\n" + f"{HASH}\n" * 63 + "\n"
    parsed = parse_request(body(head))
    assert (parsed.old, len(parsed.proof)) == ((1 << 63) - 1, 63)
    full = [f"— w{n}.example {encode_base64(bytes(2432))}" for n in range(63)]
    note = add_signatures(SIGNED.note, full)
    assert parse_request(body(head, note)).note == note


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_requests_are_read_as_they_stand_or_refused(data):
    """Whatever is accepted is the one spelling of what was read."""
    good = bytearray(body(f"old 7\n{HASH}\n\n"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        good = good or bytearray(b"\n")
    try:
        request = parse_request(bytes(good))
    except LedgerError:
        return
    assert encode_request(request) == bytes(good)


def test_a_request_carries_the_log_signature():
    assert open_note(parse_request(body("old 0\n\n")).note, [SIGNER.verifier]).signers
