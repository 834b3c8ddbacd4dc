"""Cosignatures of both types: written here from C2SP tlog-cosignature, read by the package."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import KEY, ORIGIN, SIGNER

from fleet_backend.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import NoteError, PolicyError
from fleet_backend.ledger.note import (
    MLDSA44_COSIGNATURE,
    Signer,
    Verifier,
    add_signatures,
    open_note,
    parse_note,
    parse_vkey,
    sign_note,
)
from fleet_backend.ledger.policy import parse_policy

NAME = "witness.example/pq"
SIGNED = sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(range(32))), SIGNER)
PQ_KEY = MLDSA44PrivateKey.from_seed_bytes(bytes(range(50, 82)))


def pq_verifier(key: MLDSA44PrivateKey = PQ_KEY, name: str = NAME) -> Verifier:
    return Verifier(name, MLDSA44_COSIGNATURE, key.public_key().public_bytes_raw())


def pq_message(name: str, time: int, origin: str, size: int, root: bytes) -> bytes:
    """The structure `cosigned_message`, with `struct` and nothing of the package."""
    cosigner, log = name.encode(), origin.encode()
    layout = f">12sB{len(cosigner)}sQB{len(log)}sQQ32s"
    return struct.pack(
        layout, b"subtree/v1\n\0", len(cosigner), cosigner, time, len(log), log, 0, size, root
    )


def pq_line(time: int, message: bytes, key: MLDSA44PrivateKey = PQ_KEY, name: str = NAME) -> str:
    blob = pq_verifier(key, name).key_id.to_bytes(4, "big") + time.to_bytes(8, "big")
    return f"— {name} {base64.b64encode(blob + key.sign(message)).decode()}"


GOOD_LINE = pq_line(1_700_000_000, pq_message(NAME, 1_700_000_000, ORIGIN, 7, bytes(range(32))))


def test_an_ml_dsa_44_cosignature_verifies_with_its_time():
    note = add_signatures(SIGNED.note, [GOOD_LINE])
    assert open_note(note, [pq_verifier()]).signers == {pq_verifier(): 1_700_000_000}
    opened = open_checkpoint(note, (SIGNER.verifier,), (pq_verifier(),))
    assert opened.cosigners == {pq_verifier()}


@pytest.mark.parametrize(
    "message",
    [
        pq_message("witness.example", 5, ORIGIN, 7, bytes(range(32))),
        pq_message(NAME, 6, ORIGIN, 7, bytes(range(32))),
        pq_message(NAME, 5, "other.example", 7, bytes(range(32))),
        pq_message(NAME, 5, ORIGIN, 8, bytes(range(32))),
        pq_message(NAME, 5, ORIGIN, 7, bytes(32)),
        b"cosignature/v1\ntime 5\n" + SIGNED.text,
        pq_message(NAME, 5, ORIGIN, 7, bytes(range(32)))[:-1],
    ],
    ids=["name", "time", "origin", "size", "root", "the other type's message", "cut off"],
)
def test_an_ml_dsa_44_cosignature_over_anything_else_is_refused(message):
    note = add_signatures(SIGNED.note, [pq_line(5, message)])
    with pytest.raises(NoteError, match="does not verify"):
        open_note(note, [SIGNER.verifier, pq_verifier()])
    assert open_note(note, [SIGNER.verifier]).signers  # nobody asks for that key


def test_a_context_is_not_accepted():
    message = pq_message(NAME, 5, ORIGIN, 7, bytes(range(32)))
    blob = pq_verifier().key_id.to_bytes(4, "big") + (5).to_bytes(8, "big")
    signature = PQ_KEY.sign(message, b"context")
    line = f"— {NAME} {base64.b64encode(blob + signature).decode()}"
    with pytest.raises(NoteError, match="does not verify"):
        open_note(add_signatures(SIGNED.note, [line]), [pq_verifier()])


def test_wrong_lengths_and_impossible_times_are_refused():
    head = pq_verifier().key_id.to_bytes(4, "big")
    for length in (1, 8, 72, 2427, 2429, 4000):
        line = f"— {NAME} {base64.b64encode(head + bytes(length)).decode()}"
        with pytest.raises(NoteError, match="does not verify"):
            open_note(add_signatures(SIGNED.note, [line]), [pq_verifier()])
    late = 1 << 63
    line = pq_line(late, pq_message(NAME, late, ORIGIN, 7, bytes(range(32))))
    with pytest.raises(NoteError, match="impossible time"):
        open_note(add_signatures(SIGNED.note, [line]), [pq_verifier()])


def test_it_cosigns_nothing_but_checkpoints():
    note = SIGNER.sign(b"a text\n")
    with pytest.raises(NoteError, match="checkpoints only"):
        open_note(add_signatures(note, [GOOD_LINE]), [pq_verifier()])


def test_names_that_do_not_fit_a_length_of_one_byte_are_refused():
    long_name = "w" * 256
    verifier = pq_verifier(name=long_name)
    line = pq_line(5, b"any", name=long_name)
    with pytest.raises(NoteError, match="256 bytes"):
        open_note(add_signatures(SIGNED.note, [line]), [verifier])
    origin = "o" * 256
    signer = Signer(origin, KEY)
    note = sign_checkpoint(Checkpoint(origin, 7, bytes(32)), signer).note
    with pytest.raises(NoteError, match="256 bytes"):
        open_note(add_signatures(note, [GOOD_LINE]), [pq_verifier()])


def test_its_vkey_goes_round_and_has_its_length():
    vkey = pq_verifier().vkey
    assert parse_vkey(vkey) == pq_verifier()
    assert len(vkey.partition("+")[2]) == 9 + 1752  # id, plus, base64 of 1 + 1312 bytes
    short = Verifier(NAME, MLDSA44_COSIGNATURE, bytes(1311))
    with pytest.raises(NoteError, match="1312 bytes"):
        parse_vkey(short.vkey)
    ed25519 = Verifier(NAME, MLDSA44_COSIGNATURE, bytes(32))
    with pytest.raises(NoteError, match="1312 bytes"):
        parse_vkey(ed25519.vkey)


def test_sixteen_ml_dsa_44_cosignatures_and_more_fit_one_note():
    keys = [MLDSA44PrivateKey.from_seed_bytes(bytes([n]) * 32) for n in range(63)]
    message = pq_message(NAME, 5, ORIGIN, 7, bytes(range(32)))
    lines = [pq_line(5, message, key) for key in keys]
    for count in (16, 17, 63):
        note = add_signatures(SIGNED.note, lines[:count])
        verifiers = [pq_verifier(key) for key in keys[:count]]
        assert set(open_note(note, verifiers).signers) == set(verifiers)


def test_a_flipped_bit_anywhere_in_the_cosignature_is_refused():
    blob = bytearray(base64.b64decode(GOOD_LINE.split(" ")[2]))
    for at in (4, 11, 12, 500, 2000, len(blob) - 1):
        blob[at] ^= 1
        line = f"— {NAME} {base64.b64encode(blob).decode()}"
        with pytest.raises(NoteError):
            open_note(add_signatures(SIGNED.note, [line]), [pq_verifier()])
        blob[at] ^= 1


def test_a_policy_takes_witnesses_of_both_types():
    lines = f"log {SIGNER.verifier.vkey}\nwitness pq {pq_verifier().vkey}\nquorum pq\n"
    policy = parse_policy(lines.encode())
    assert policy.open_checkpoint(add_signatures(SIGNED.note, [GOOD_LINE])).size == 7
    with pytest.raises(PolicyError, match="not cosigned by the quorum"):
        policy.open_checkpoint(SIGNED.note)


def test_one_public_key_under_two_names_is_no_second_witness():
    again = pq_verifier(name="other.example")
    lines = f"witness A {pq_verifier().vkey}\nwitness B {again.vkey}\nquorum none\n"
    with pytest.raises(PolicyError, match=r"line 2.*there twice"):
        parse_policy(lines.encode())


def test_a_policy_has_room_for_32_witnesses_with_both_keys():
    keys = [MLDSA44PrivateKey.from_seed_bytes(bytes([n]) * 32) for n in range(64)]
    lines = "".join(
        f"witness w{n} {pq_verifier(key, f'w{n}.example').vkey} https://w{n}.example/\n"
        for n, key in enumerate(keys)
    )
    names = " ".join(f"w{n}" for n in range(64))
    policy = parse_policy(f"{lines}group g 43 {names}\nquorum g\n".encode())
    assert len(policy.witnesses) == 64


def test_signatures_are_added_once_and_in_order():
    note = add_signatures(SIGNED.note, [GOOD_LINE, GOOD_LINE])
    assert note == SIGNED.note + f"{GOOD_LINE}\n".encode()
    assert add_signatures(note, [GOOD_LINE]) == note
    assert add_signatures(note, []) == note


@pytest.mark.parametrize(
    "line",
    ["", GOOD_LINE + "\n", "more", GOOD_LINE + "\n\n" + GOOD_LINE, GOOD_LINE[2:], "\ud800"],
    ids=["empty", "newline", "no line", "two lines", "no dash", "half a character"],
)
def test_what_is_no_signature_line_is_not_added(line):
    with pytest.raises(NoteError):
        add_signatures(SIGNED.note, [line])


def test_nothing_is_added_to_what_is_no_note_or_is_full():
    with pytest.raises(NoteError):
        add_signatures(SIGNED.text, [GOOD_LINE])
    full = [f"— w{n}.example AAAAAAAA" for n in range(63)]
    with pytest.raises(NoteError, match="65 signatures"):
        add_signatures(add_signatures(SIGNED.note, full), [GOOD_LINE])


def test_several_keys_of_one_log_sign_one_note():
    new = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    note = sign_note(SIGNED.text, [SIGNER, new])
    for known in ([SIGNER.verifier], [new.verifier], [SIGNER.verifier, new.verifier]):
        assert set(open_note(note, known).signers) == set(known)
    with pytest.raises(NoteError):
        sign_note(SIGNED.text, [])


def test_two_known_keys_with_one_name_and_id_are_refused(monkeypatch):
    twin = Verifier(ORIGIN, SIGNER.verifier.kind, bytes(32))
    monkeypatch.setattr(Verifier, "key_id", property(lambda _: 7))
    with pytest.raises(NoteError, match="one key id"):
        open_note(SIGNED.note, [SIGNER.verifier, twin])


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.lists(st.binary(min_size=1, max_size=90), max_size=20),
)
def test_whatever_is_added_is_parsed_again(text, signatures):
    signed = SIGNER.sign(b"text\n")
    lines = [f"— w.example {base64.b64encode(bytes(4) + one).decode()}" for one in signatures]
    unique = list(dict.fromkeys(lines))
    found = parse_note(add_signatures(signed, lines)).signatures
    assert list(map(str, found[1:])) == unique
    try:
        add_signatures(signed, [text])
    except NoteError:
        return
    raise AssertionError(text)
