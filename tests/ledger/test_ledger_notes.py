"""Signed notes, verifier keys and checkpoints: published examples, and the listed traps."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import KEY, ORIGIN, SIGNER

from fleet_backend.ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from fleet_backend.ledger.errors import CheckpointError, ConfigError, NoteError
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
from fleet_backend.ledger.merkle import EMPTY_ROOT
from fleet_backend.ledger.note import (
    COSIGNATURE,
    Signer,
    Verifier,
    encode_base64,
    open_note,
    parse_note,
    parse_vkey,
)

PUBLISHED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2"
    "ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
TEXT = b"first line\n\nsecond line\n"
NOTE = SIGNER.sign(TEXT)
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
KNOWN = (SIGNER.verifier,)


def other_signer(name: str = "other.example", seed: int = 1) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def lines_of(note: bytes) -> bytes:
    """Signature lines of a note whose text has no empty line at its end."""
    return note.rpartition(b"\n\n")[2]


def cosign(text: bytes, key: Ed25519PrivateKey, name: str, time: int) -> tuple[Verifier, bytes]:
    """A cosigner's key and line, written here from the specification, not with the package."""
    verifier = Verifier(name, COSIGNATURE, key.public_key().public_bytes_raw())
    signature = key.sign(b"cosignature/v1\ntime " + str(time).encode() + b"\n" + text)
    blob = verifier.key_id.to_bytes(4, "big") + time.to_bytes(8, "big") + signature
    return verifier, b"\xe2\x80\x94 " + name.encode() + b" " + base64.b64encode(blob) + b"\n"


def test_published_key_and_note():
    verifier = parse_vkey(PUBLISHED_VKEY)
    assert verifier.vkey == PUBLISHED_VKEY
    assert open_note(PUBLISHED_NOTE, [verifier]).text == b"This is an example message.\n"


def test_text_may_hold_empty_lines():
    assert open_note(NOTE, KNOWN).text == TEXT
    assert parse_note(NOTE).text == TEXT


TRAPS = {
    "carriage return behind the last line": NOTE[:-1] + b"\r\n",
    "empty line between the signatures": NOTE + b"\n" + lines_of(NOTE),
    "space behind a signature": NOTE[:-1] + b" \n",
    "control character in a name": NOTE.replace(ORIGIN.encode(), b"log\x1fexample"),
    "narrow no-break space in a name": NOTE.replace(ORIGIN.encode(), "log\u202fex".encode()),
    "ideographic space in a name": NOTE.replace(ORIGIN.encode(), "log\u3000ex".encode()),
    "byte order mark": "\ufeff".encode() + lines_of(NOTE),
    "carriage return": NOTE.replace(b"\n", b"\r\n"),
    "carriage return in the text": NOTE.replace(b"first", b"first\r"),
    "tab": NOTE.replace(b"first", b"first\t"),
    "nul": NOTE.replace(b"first", b"\0"),
    "last newline missing": NOTE[:-1],
    "empty line at the end": NOTE + b"\n",
    "no empty line": NOTE.replace(b"\n\n", b"\n"),
    "no signature": TEXT + b"\n",
    "nothing": b"",
    "not UTF-8": NOTE.replace(b"first", b"\xff"),
    "space in a name": NOTE.replace(ORIGIN.encode(), b"log.exa mple"),
    "no-break space in a name": NOTE.replace(ORIGIN.encode(), "log\u00a0ex".encode()),
    "line separator in a name": NOTE.replace(ORIGIN.encode(), "log\u2028example".encode()),
    "plus in a name": NOTE.replace(ORIGIN.encode(), b"log+example"),
    "empty name": NOTE.replace(ORIGIN.encode(), b""),
    "two spaces": NOTE.replace(ORIGIN.encode(), ORIGIN.encode() + b" "),
    "hyphen for the dash": NOTE.replace("—".encode(), b"-"),
    "bare dash": NOTE.replace(lines_of(NOTE), "—\n".encode()),
    "short signature": NOTE.replace(lines_of(NOTE), f"— {ORIGIN} AAAAAA==\n".encode()),
    "text behind the signatures": NOTE + b"more\n",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_malformed_notes_are_refused(trap):
    with pytest.raises(NoteError):
        open_note(TRAPS[trap], KNOWN)


@pytest.mark.parametrize("text", [b"a\tb\n", b"a\r\n", b"\0\n", b"a\x1b[2J\n"])
def test_a_control_character_is_refused_though_signed(text):
    with pytest.raises(NoteError, match="control character"):
        open_note(SIGNER.sign(text), KNOWN)


def test_stray_bits_and_spaces_in_base64_are_refused():
    line = lines_of(NOTE)
    assert line.endswith(b"=\n")
    last = line[-3:-2]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = alphabet[alphabet.index(last) + 1 :][:1]
    assert base64.b64decode(line[:-3].split(b" ")[2] + stray + b"=")  # the lenient reading
    endings = (stray + b"=", last, last + b"==", last + b"=A", last + b" =", last + b"=\x0b")
    for wrong in endings:
        with pytest.raises(NoteError):
            open_note(NOTE[:-3] + wrong + b"\n", KNOWN)


def test_sixteen_signatures_and_more_are_accepted_up_to_the_limit():
    others = [lines_of(other_signer(f"w{number}").sign(TEXT)) for number in range(64)]
    for count in (15, 16, 17, 63):
        assert open_note(NOTE + b"".join(others[:count]), KNOWN).signers == {KNOWN[0]: None}
    with pytest.raises(NoteError, match="65 signatures"):
        open_note(NOTE + b"".join(others), KNOWN)


def test_unknown_keys_are_ignored_even_if_they_share_a_name_or_an_id():
    namesake = lines_of(other_signer(ORIGIN).sign(TEXT))
    blob = base64.b64decode(lines_of(NOTE).split(b" ")[2])
    same_id = "— stranger.example ".encode() + base64.b64encode(blob[:4] + bytes(64)) + b"\n"
    assert open_note(NOTE + namesake + same_id, KNOWN).signers == {KNOWN[0]: None}
    with pytest.raises(NoteError, match="no signature of a known key"):
        open_note(TEXT + b"\n" + namesake + same_id, KNOWN)


def test_one_bad_signature_of_a_known_key_ends_the_note():
    other = other_signer()
    wrong = lines_of(other.sign(b"another text\n"))
    assert open_note(NOTE + wrong, KNOWN).signers
    with pytest.raises(NoteError, match="does not verify"):
        open_note(NOTE + wrong, [*KNOWN, other.verifier])


def test_repeated_lines_count_once_and_each_must_verify():
    assert open_note(NOTE + lines_of(NOTE), KNOWN).signers == {KNOWN[0]: None}
    with pytest.raises(NoteError):
        open_note(NOTE + lines_of(SIGNER.sign(b"another text\n")), KNOWN)


def test_any_flipped_bit_of_a_signed_note_is_refused():
    for bit in range(len(NOTE) * 8):
        changed = bytearray(NOTE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NoteError):
            open_note(bytes(changed), KNOWN)


def test_cosignature_time_is_signed():
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    verifier, line = cosign(TEXT, key, "witness.example", 1_700_000_000)
    assert open_note(NOTE + line, [verifier]).signers == {verifier: 1_700_000_000}
    blob = bytearray(base64.b64decode(line.split(b" ")[2]))
    blob[11] ^= 1
    moved = "— witness.example ".encode() + base64.b64encode(blob) + b"\n"
    with pytest.raises(NoteError):
        open_note(NOTE + moved, [verifier])


def test_cosignature_of_an_impossible_time_or_length_is_refused():
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    verifier, line = cosign(TEXT, key, "witness.example", 1 << 63)
    with pytest.raises(NoteError, match="impossible time"):
        open_note(NOTE + line, [verifier])
    head = verifier.key_id.to_bytes(4, "big")
    for length in (1, 8, 71, 73):
        blob = base64.b64encode(head + bytes(length))
        with pytest.raises(NoteError):
            open_note(NOTE + "— witness.example ".encode() + blob + b"\n", [verifier])


VKEY = SIGNER.verifier.vkey
BAD_VKEYS = {
    "empty": "",
    "two parts": ORIGIN + "+00000000",
    "wrong id": VKEY.replace(f"{SIGNER.verifier.key_id:08x}", "00000000"),
    "id in capitals": VKEY.replace(
        f"{SIGNER.verifier.key_id:08x}", f"{SIGNER.verifier.key_id:08X}"
    ),
    "short key": f"{ORIGIN}+00000000+AQ==",
    "no key": f"{ORIGIN}+00000000+",
    "space": " " + VKEY,
    "newline": VKEY + "\n",
    "stray bits": VKEY[:-1] + chr(ord(VKEY[-1]) + 1),
    "half a character": "\ud800" + VKEY,
    "very long": "a" * 70_000 + VKEY,
}


@pytest.mark.parametrize("case", BAD_VKEYS)
def test_malformed_verifier_keys_are_refused(case):
    with pytest.raises(NoteError):
        parse_vkey(BAD_VKEYS[case])


def test_a_key_type_that_is_not_built_is_refused_by_name():
    key = encode_base64(b"\x02" + bytes(32))
    with pytest.raises(NoteError, match="type 0x02 is not supported"):
        parse_vkey(f"w.example+00000000+{key}")


def test_checkpoint_round_trip():
    signed = sign_checkpoint(CHECKPOINT, SIGNER)
    opened = open_checkpoint(signed.note, KNOWN)
    assert (opened.origin, opened.size, opened.root) == (ORIGIN, 7, bytes(range(32)))
    assert opened.note == signed.note


ROOT_TEXT = encode_base64(bytes(range(32)))
BAD_CHECKPOINTS = {
    "leading zero": f"{ORIGIN}\n07\n{ROOT_TEXT}\n",
    "plus": f"{ORIGIN}\n+7\n{ROOT_TEXT}\n",
    "minus": f"{ORIGIN}\n-7\n{ROOT_TEXT}\n",
    "space": f"{ORIGIN}\n 7\n{ROOT_TEXT}\n",
    "underscore": f"{ORIGIN}\n1_0\n{ROOT_TEXT}\n",
    "other digits": f"{ORIGIN}\n\u0667\n{ROOT_TEXT}\n",
    "2^63": f"{ORIGIN}\n{1 << 63}\n{ROOT_TEXT}\n",
    "2^64": f"{ORIGIN}\n{1 << 64}\n{ROOT_TEXT}\n",
    "many digits": f"{ORIGIN}\n{'9' * 5000}\n{ROOT_TEXT}\n",
    "no size": f"{ORIGIN}\n\n{ROOT_TEXT}\n",
    "extension line": f"{ORIGIN}\n7\n{ROOT_TEXT}\nmore\n",
    "empty extension line": f"{ORIGIN}\n7\n{ROOT_TEXT}\n\n",
    "short root": f"{ORIGIN}\n7\n{ROOT_TEXT[:40]}\n",
    "stray bits in the root": f"{ORIGIN}\n7\n{ROOT_TEXT[:-2]}9=\n",
    "no newline": f"{ORIGIN}\n7\n{ROOT_TEXT}",
    "two lines": f"{ORIGIN}\n7\n",
    "empty origin": f"\n7\n{ROOT_TEXT}\n",
    "space in the origin": f"a b\n7\n{ROOT_TEXT}\n",
    "no-break space in the origin": f"a\u00a0b\n7\n{ROOT_TEXT}\n",
    "plus in the origin": f"a+b\n7\n{ROOT_TEXT}\n",
    "many leading zeros": f"{ORIGIN}\n00\n{ROOT_TEXT}\n",
    "hexadecimal": f"{ORIGIN}\n0x7\n{ROOT_TEXT}\n",
    "repeated root": f"{ORIGIN}\n7\n{ROOT_TEXT}\n{ROOT_TEXT}\n",
    "space behind the root": f"{ORIGIN}\n7\n{ROOT_TEXT} \n",
    "root of nothing": f"{ORIGIN}\n0\n{ROOT_TEXT}\n",
}


@pytest.mark.parametrize("case", BAD_CHECKPOINTS)
def test_malformed_checkpoints_are_refused_though_signed(case):
    note = Signer(ORIGIN, KEY).sign(BAD_CHECKPOINTS[case].rstrip("\n").encode() + b"\n")
    with pytest.raises(CheckpointError):
        parse_checkpoint(BAD_CHECKPOINTS[case].encode())
    if not BAD_CHECKPOINTS[case].endswith("\n\n") and case != "no newline":
        with pytest.raises(CheckpointError):
            open_checkpoint(note, KNOWN)


def test_largest_size_is_accepted():
    largest = Checkpoint(ORIGIN, (1 << 63) - 1, bytes(32))
    assert parse_checkpoint(largest.text) == largest


def test_a_checkpoint_of_another_log_is_refused():
    other = other_signer()
    foreign = sign_checkpoint(Checkpoint(other.name, 0, EMPTY_ROOT), other)
    with pytest.raises(NoteError, match="no signature of a known key"):
        open_checkpoint(foreign.note, KNOWN)
    borrowed = SIGNER.sign(Checkpoint(other.name, 0, EMPTY_ROOT).text)
    with pytest.raises(CheckpointError, match="no known key of log"):
        open_checkpoint(borrowed, (*KNOWN, other.verifier))
    with pytest.raises(CheckpointError):
        sign_checkpoint(foreign, SIGNER)


def test_a_witness_alone_does_not_make_a_checkpoint():
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    verifier, line = cosign(CHECKPOINT.text, key, ORIGIN, 1)
    with pytest.raises(CheckpointError):
        open_checkpoint(CHECKPOINT.text + b"\n" + line, KNOWN, (verifier,))


def test_key_file_is_private_and_never_overwritten(tmp_path):
    path = tmp_path / "log.key"
    key = generate_log_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_log_key(path).private_bytes_raw() == key.private_bytes_raw()
    assert parse_vkey(log_vkey(ORIGIN, key)).name == ORIGIN
    with pytest.raises(ConfigError):
        generate_log_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="0600"):
        load_log_key(path)


def test_key_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        load_log_key(tmp_path / "absent")
    path = tmp_path / "log.key"
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nsecret\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load_log_key(path)
    assert "secret" not in str(caught.value)


def test_an_origin_that_cannot_be_a_name_is_refused():
    with pytest.raises(ConfigError):
        log_vkey("log example", KEY)


def test_a_signer_does_not_print_its_key():
    assert repr(SIGNER) == f"Signer({ORIGIN!r})"
