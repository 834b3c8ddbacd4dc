"""The head of a release and the file that says whom a vehicle believes: one encoding, strict, and
the same whether it is read whole or piece by piece."""

import contextlib
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import cbor, release
from protocol.errors import DecodeError, EncodeError

KEYS = [bytes([0xC0 + n]) + bytes(382) + b"\x01" for n in range(3)]
SIGNED = [(key, bytes([n]) * 384) for n, key in enumerate(KEYS)]
FILES = [("boot.py", 3, bytes(32)), ("vcu/app.mpy", 900, bytes(range(32)))]
TABLE = release.encode_files(FILES)
MANIFEST = release.Manifest(
    "virtual", "1.4.0", 7, 5, release.ROMFS, 8192, bytes(range(32)), hashlib.sha256(TABLE).digest()
)
RAW = release.encode_manifest(MANIFEST)
HEAD = release.encode_head(RAW, SIGNED, TABLE)


def pieces(data):
    """Reads a head as a small machine does; returns manifest and signatures."""

    def steps():
        raw, left = yield from release.read_manifest()
        release.decode_manifest(raw)
        count = yield from release.read_count()
        last, signed = b"", []
        for _ in range(count):
            key, signature = yield from release.read_signature(last)
            signed.append((key, signature))
            last = key
        return raw, signed, left - 1 - count * release.SIGNATURE_BYTES

    reader, at = steps(), 0
    wanted = next(reader)
    while True:
        if at + wanted > len(data):
            raise DecodeError("truncated", f"at {at}")
        piece, at = data[at : at + wanted], at + wanted
        try:
            wanted = reader.send(piece)
        except StopIteration as stop:
            return stop.value


def test_what_is_encoded_decodes_to_the_same():
    found = release.decode_head(HEAD + b"content")
    assert found == (MANIFEST, RAW, SIGNED, FILES)
    assert release.encode_head(RAW, SIGNED[::-1], TABLE) == HEAD
    raw, signed, left = pieces(HEAD)
    assert (raw, signed) == (RAW, SIGNED) and HEAD[-left:].endswith(TABLE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("board", "No Board"),
        ("version", ""),
        ("version", "1.0 beta"),
        ("version", "1" * 33),
        ("number", 0),
        ("number", 1 << 32),
        ("floor", 8),
        ("form", 3),
        ("form", 0),
        ("form", []),
        ("content_bytes", 0),
        ("content_bytes", 3),
        ("content_bytes", (1 << 24) + 2),
        ("content", bytes(31)),
        ("files", "x"),
    ],
)
def test_a_manifest_that_no_release_has(field, value):
    changed = MANIFEST._replace(**{field: value})
    raw = cbor.encode({0: 1, **{n + 1: item for n, item in enumerate(changed)}})
    with pytest.raises(DecodeError):
        release.decode_manifest(raw)
    with pytest.raises(EncodeError):
        release.encode_manifest(changed)


def test_every_byte_short_and_every_byte_more_is_refused():
    for end in range(len(HEAD)):
        with pytest.raises(DecodeError):
            release.decode_head(HEAD[:end])
    body = HEAD[8:] + b"\x00"
    with pytest.raises(DecodeError, match="trailing"):
        release.decode_head(b"TFR1" + len(body).to_bytes(4, "big") + body)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(HEAD) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_what_is_said(at, flip):
    data = bytearray(HEAD)
    data[at] ^= flip
    found = None
    with contextlib.suppress(DecodeError):
        found = release.decode_head(bytes(data))
    if found is not None:
        assert found != release.decode_head(HEAD)
        # Whoever reads it in pieces sees the same.
        assert pieces(bytes(data))[:2] == (found.raw, found.signatures)


def test_a_key_never_counts_twice():
    twice = [SIGNED[0], (KEYS[0], bytes(384))]
    with pytest.raises(EncodeError):
        release.encode_head(RAW, twice, TABLE)
    for wrong in (twice, SIGNED[::-1]):
        body = cbor.encode([RAW, [list(pair) for pair in wrong], TABLE])
        data = b"TFR1" + len(body).to_bytes(4, "big") + body
        with pytest.raises(DecodeError):
            release.decode_head(data)
        with pytest.raises(DecodeError):
            pieces(data)


def test_the_table_of_files_is_the_one_of_the_manifest():
    other = release.encode_files(FILES[:1])
    with pytest.raises(EncodeError):
        release.encode_head(RAW, SIGNED, other)
    for wrong in ([FILES[0], FILES[0]], FILES[::-1], [("a", -1, bytes(32))], [("a", 1, b"")]):
        with pytest.raises(DecodeError):
            release.decode_files(cbor.encode([list(item) for item in wrong]))


def test_whom_a_vehicle_believes():
    thumbprints = [bytes([n]) * 32 for n in (3, 1, 2)]
    file = release.encode_trust(release.Trust(2, thumbprints, "virtual"))
    assert release.decode_trust(file) == (2, sorted(thumbprints), "virtual")
    for at in range(len(file)):
        for changed in (file[:at], file[:at] + bytes([file[at] ^ 4]) + file[at + 1 :]):
            with pytest.raises(DecodeError):
                release.decode_trust(changed)


@pytest.mark.parametrize(
    "trust",
    [
        (0, [bytes(32)], "virtual"),
        (2, [bytes(32)], "virtual"),
        (1, [], "virtual"),
        (2, [bytes(32), bytes(32)], "virtual"),
        (1, [bytes(31)], "virtual"),
        (1, [bytes(32)], ""),
        (1, [bytes([n]) * 32 for n in range(17)], "virtual"),
    ],
)
def test_trust_that_nobody_gives(trust):
    with pytest.raises(EncodeError):
        release.encode_trust(release.Trust(*trust))
