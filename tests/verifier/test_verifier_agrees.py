"""`trifleet_verify.py` and the package judge every receipt alike."""

import base64
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verifier_tools import (
    BODY,
    CHANGES,
    GATEWAY_PUBLIC,
    ORIGIN,
    POLICY,
    RECORDS,
    SALT,
    Parts,
    agree,
    changed,
    judged_by_file,
    payload,
    seal,
)

from fleet_backend.ledger import cbor as ledger_cbor
from fleet_backend.ledger import cose
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.merkle import leaf_hash
from protocol import cbor

FORMS = {"proof file": Parts.proof_file, "cose receipt": Parts.cose_receipt}
each_form = pytest.mark.parametrize("form", FORMS)
GOOD = Parts()
FILES = {form: make(GOOD) for form, make in FORMS.items()}
COSIGNED = replace(GOOD, cosigners=(0, 3)).proof_file()
BITS = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=2)


def flipped(data: bytes, places: list[float]) -> bytes:
    out = bytearray(data)
    for where in places:
        bit = int(where * 8 * len(out))
        out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


@each_form
@pytest.mark.parametrize(
    ("index", "size"), [(0, 2), (1, 2), (2, 3), (3, 7), (6, 7), (255, 256), (256, 257)]
)
def test_good_receipts(form, index, size):
    data = FORMS[form](replace(GOOD, index=index, size=size))
    assert agree(data, POLICY)
    assert agree(data, POLICY, GATEWAY_PUBLIC)
    assert not agree(data, POLICY, bytes(32))


def test_a_log_of_one_entry():
    alone = replace(GOOD, index=0, size=1)
    assert agree(alone.proof_file(), POLICY)
    assert not agree(alone.cose_receipt(), POLICY)


@each_form
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 0, 6, 1 << 63])
def test_statements_of_every_kind(form, kind):
    body = BODY if kind == 1 else cbor.encode({0: 1, 1: "started"})
    assert agree(FORMS[form](GOOD.with_body(body, kind)), POLICY) == (kind in range(1, 6))


BODIES = {
    "no records": cbor.encode([]),
    "64 records": cbor.encode([b"x"] * 64),
    "65 records": cbor.encode([b"x"] * 65),
    "a record that is none": cbor.encode([b"", b"\xff", RECORDS[0][:-1]]),
    "records of another kind": cbor.encode([[1, 2]]),
    "not an array": cbor.encode(b"x"),
    "a text": cbor.encode(["x"]),
    "more behind it": BODY + b"\0",
    "cut off": BODY[:-1],
    "longer form": b"\x98\x02" + BODY[1:],
    "nothing": b"",
    "300 bytes": cbor.encode([bytes(300)]),
    "hostile text": cbor.encode([RECORDS[0].replace(b"trike-1", b"\x1b[2J\n--")]),
}


@each_form
@pytest.mark.parametrize("case", BODIES)
def test_bodies(form, case):
    accepted = {"64 records", "a record that is none", "300 bytes", "hostile text"}
    assert agree(FORMS[form](GOOD.with_body(BODIES[case])), POLICY) == (case in accepted)


def test_no_bytes_of_a_record_reach_the_terminal_as_they_are():
    words = judged_by_file(GOOD.with_body(BODIES["hostile text"]).proof_file(), POLICY)
    assert words is not None and all(line.isprintable() for line in words)


PAYLOADS = {
    "another version": [2, "gw-1", 7, bytes(32), 9, 1],
    "version true": [True, "gw-1", 7, bytes(32), 9, 1],
    "no name": [1, "", 7, bytes(32), 9, 1],
    "name of 32": [1, "g" * 32, 7, bytes(32), 9, 1],
    "name of 33": [1, "g" * 33, 7, bytes(32), 9, 1],
    "hyphen first": [1, "-gw", 7, bytes(32), 9, 1],
    "hyphen last": [1, "gw-", 7, bytes(32), 9, 1],
    "one hyphen": [1, "-", 7, bytes(32), 9, 1],
    "one letter": [1, "g", 7, bytes(32), 9, 1],
    "capitals": [1, "GW", 7, bytes(32), 9, 1],
    "newline": [1, "gw\n", 7, bytes(32), 9, 1],
    "name in bytes": [1, b"gw", 7, bytes(32), 9, 1],
    "largest number": [1, "gw", (1 << 63) - 1, bytes(32), 9, 1],
    "number of 2^63": [1, "gw", 1 << 63, bytes(32), 9, 1],
    "negative number": [1, "gw", -1, bytes(32), 9, 1],
    "number false": [1, "gw", False, bytes(32), 9, 1],
    "short hash": [1, "gw", 7, bytes(31), 9, 1],
    "latest time": [1, "gw", 7, bytes(32), (1 << 32) - 1, 1],
    "time of 2^32": [1, "gw", 7, bytes(32), 1 << 32, 1],
    "kind true": [1, "gw", 7, bytes(32), 9, True],
    "kind null": [1, "gw", 7, bytes(32), 9, None],
}
GOOD_PAYLOADS = {"name of 32", "one letter", "largest number", "latest time"}
CLOCKS = {
    "held over, unknown": [9, 1, 0xFFFFFFFF],
    "network": [9, 2, 30],
    "satellites": [9, 3, 0],
    "unset": [0, 0, 0xFFFFFFFF],
    "unset with a time": [9, 0, 0],
    "set without a time": [0, 2, 0],
    "source 4": [9, 4, 0],
    "error of 2^32": [9, 2, 1 << 32],
    "source true": [9, True, 0],
    "source null": [9, None, 0],
    "no error": [9, 2],
    "one more": [9, 2, 30, 0],
}
GOOD_CLOCKS = {"held over, unknown", "network", "satellites", "unset"}


@each_form
@pytest.mark.parametrize("case", CLOCKS)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_clock_of_version_2(form, case, version):
    commitment = cbor.decode(payload())[6]  # type: ignore[index]
    time, *clock = CLOCKS[case]
    value = [version, "gw", 7, bytes(32), time, 1, commitment, *clock]
    receipt = FORMS[form](replace(GOOD, statement=seal(cbor.encode(value))))
    assert agree(receipt, POLICY) == (version == 2 and case in GOOD_CLOCKS)


@each_form
@pytest.mark.parametrize("case", PAYLOADS)
def test_payloads(form, case):
    commitment = cbor.decode(payload())[6]  # type: ignore[index]
    signed = seal(cbor.encode([*PAYLOADS[case], commitment]))
    assert agree(FORMS[form](replace(GOOD, statement=signed)), POLICY) == (case in GOOD_PAYLOADS)


EXTRAS: dict[str, object] = {
    "another version": [2, GOOD.statement, SALT, BODY, GATEWAY_PUBLIC],
    "version true": [True, GOOD.statement, SALT, BODY, GATEWAY_PUBLIC],
    "four items": [1, GOOD.statement, SALT, BODY],
    "six items": [1, GOOD.statement, SALT, BODY, GATEWAY_PUBLIC, 0],
    "short salt": [1, GOOD.statement, SALT[1:], BODY, GATEWAY_PUBLIC],
    "short key": [1, GOOD.statement, SALT, BODY, GATEWAY_PUBLIC[1:]],
    "another key": [1, GOOD.statement, SALT, BODY, bytes(32)],
    "another body": [1, GOOD.statement, SALT, BODY[:-1], GATEWAY_PUBLIC],
    "null": [1, GOOD.statement, None, BODY, GATEWAY_PUBLIC],
    "a map": {0: 1, 1: GOOD.statement},
}


@each_form
@pytest.mark.parametrize("case", EXTRAS)
def test_what_is_carried(form, case):
    assert not agree(FORMS[form](replace(GOOD, extra=cbor.encode(EXTRAS[case]))), POLICY)


@each_form
def test_the_largest_that_is_carried(form):
    """65,535 bytes of CBOR are read, and not one more; a COSE receipt is one document itself."""
    room = 65_535 - len(GOOD.with_body(cbor.encode([bytes(60_000)])).carried) + 60_000
    for size, accepted in ((60_000, True), (room, form == "proof file"), (room + 1, False)):
        parts = GOOD.with_body(cbor.encode([bytes(size)]))
        large = b"\x85\x01" + b"".join(
            map(ledger_cbor.encode, (parts.statement, SALT, parts.body, GATEWAY_PUBLIC))
        )
        assert agree(FORMS[form](replace(parts, extra=large)), POLICY) == accepted


@each_form
@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_changed_files(form, changes):
    agree(changed(FILES[form], changes), POLICY)


@each_form
@settings(max_examples=150, deadline=None)
@given(BITS)
def test_flipped_bits(form, places):
    agree(flipped(FILES[form], places), POLICY)


@each_form
@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_changed_extras(form, changes):
    agree(FORMS[form](replace(GOOD, extra=changed(GOOD.carried, changes))), POLICY)


@each_form
@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_changed_payloads_signed_anew(form, changes):
    agree(FORMS[form](replace(GOOD, statement=seal(changed(payload(), changes)))), POLICY)


@each_form
@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_changed_statements_logged_anew(form, changes):
    agree(FORMS[form](replace(GOOD, statement=changed(GOOD.statement, changes))), POLICY)


@each_form
@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_changed_bodies_committed_anew(form, changes):
    agree(FORMS[form](GOOD.with_body(changed(BODY, changes))), POLICY)


HEADER = cose.parse_sign1(GOOD.cose_receipt()).protected


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_changed_cose_headers_signed_anew(changes):
    header = changed(HEADER, changes)
    assert agree(replace(GOOD, header=header).cose_receipt(), POLICY) == (header == HEADER)


def test_empty_cose_headers_signed_as_the_rfc_says():
    for header in (b"", b"\xa0"):
        assert not agree(replace(GOOD, header=header).cose_receipt(), POLICY)


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_changed_checkpoints_signed_anew(changes):
    text = changed(Checkpoint(ORIGIN, 7, GOOD.path[1]).text, changes)
    try:
        data = replace(GOOD, checkpoint=text or b"\n").proof_file()
    except ValueError:  # not a text that a note can have
        return
    except Exception as error:
        assert type(error).__name__ == "NoteError"
        return
    agree(data, POLICY)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert not agree(data, POLICY)
    assert not agree(GOOD.proof_file(), data)
    assert not agree(b"\xd2" + data, POLICY)


SPELLINGS = {
    "an index of 2^63": (b"index 3", b"index 9223372036854775808"),
    "an index of 20 digits": (b"index 3", b"index 10000000000000000003"),
    "an index with a zero": (b"index 3", b"index 03"),
    "an index with a sign": (b"index 3", b"index +3"),
    "an index in other digits": (b"index 3", "index \u0663".encode()),
    "no index": (b"index 3\n", b""),
    "no extra": (b"extra ", b"extr "),
    "another title": (b"@v1", b"@v2"),
    "a hash more": (b"index 3\n", b"index 3\n" + base64.b64encode(bytes(32)) + b"\n"),
    "65 hashes": (b"index 3\n", b"index 3\n" + (base64.b64encode(bytes(32)) + b"\n") * 65),
    "a carriage return": (b"index 3\n", b"index 3\r\n"),
    "not UTF-8": (b"index 3", b"index \xff"),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_proof_files_in_other_spellings(case):
    data = FILES["proof file"].replace(*SPELLINGS[case], 1)
    assert data != FILES["proof file"]
    assert not agree(data, POLICY)


def test_base64_with_stray_bits():
    """The last character before the padding carries bits that decode to nothing."""
    data = FILES["proof file"]
    places = [
        at for at in range(1, len(data)) if data[at : at + 2] == b"=\n" and data[at - 1] != 61
    ]
    assert len(places) >= 4  # three hashes and a root at least
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for at in places:
        other = letters[letters.index(data[at - 1]) + 1]
        assert not agree(data[: at - 1] + bytes([other]) + data[at:], POLICY)


@each_form
def test_a_salt_of_another_length(form):
    for salt in (SALT[1:], SALT + b"x", b""):
        assert not agree(FORMS[form](replace(GOOD, salt=salt).with_body(BODY)), POLICY)


@pytest.mark.parametrize(("length", "accepted"), [(32, True), (31, False), (33, False), (0, False)])
def test_a_node_of_another_length_that_a_log_signed(length, accepted):
    """Only a log that lies can sign such a root; neither judge takes it for a tree."""
    node = bytes(range(length))
    leaf = leaf_hash(GOOD.statement)
    root = sha256(b"\x01" + leaf + node).digest()
    parts = replace(GOOD, index=0, size=2, checkpoint=Checkpoint(ORIGIN, 2, root).text)
    due = base64.b64encode(parts.path[0][0])
    assert agree(parts.proof_file().replace(due, base64.b64encode(node)), POLICY) == accepted
