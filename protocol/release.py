"""A signed application: its manifest, the head of its bundle, and whom a vehicle believes.

docs/protocol.md section 16. A bundle is a head and then the content. A head can be read whole, or
piece by piece by a machine that has no room for all of it. Decoders raise DecodeError only.
"""

import hashlib
from collections import namedtuple

from protocol import cbor, cose, fields, rsa
from protocol.errors import DecodeError, EncodeError

MAGIC = b"TFR1"
AAD = b"trifleet/software/v1"
ROMFS, FOLDERS = 1, 2  # forms: slots that are executed in place; two folders on littlefs
FORMS = {ROMFS: "ROMFS", FOLDERS: "FOLDERS"}
START_BYTES = 8
MOST_HEAD_BYTES = 16_384
MOST_CONTENT_BYTES = 1 << 24
MOST_SIGNATURES = 8
MOST_KEYS = 16
KEY_BYTES = 384  # RSA-3072, modulus and signature
DEFAULT_THRESHOLD = 2
# Two byte strings of 384 bytes in an array of two.
SIGNATURE_BYTES = 1 + 2 * (3 + KEY_BYTES)
_LONG = b"\x59\x01\x80"
_HASH = 32
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_"

# Keys 1 to 8 of the map, in this order.
Manifest = namedtuple(
    "Manifest",
    ("board", "version", "number", "floor", "form", "content_bytes", "content", "files"),
)
# `raw` are the manifest's bytes, `signatures` pairs of modulus and signature, `files` the table:
# path, bytes, SHA-256 of each file. Nothing of it is verified.
Head = namedtuple("Head", ("manifest", "raw", "signatures", "files"))
Trust = namedtuple("Trust", ("threshold", "keys", "board"))


def digest(raw: bytes) -> bytes:
    """The name of a release: SHA-256 of its manifest."""
    return hashlib.sha256(raw).digest()


def signed_message(name: bytes) -> bytes:
    """What a release key signs: a Sig_structure whose payload is the release's digest."""
    return cose.sign1_message(cose.PS256, AAD, name)


# --- the manifest ---


def encode_manifest(manifest: Manifest) -> bytes:
    """Raises EncodeError for what `decode_manifest` would refuse."""
    document = {0: fields.VERSION}
    for place in range(len(manifest)):
        document[place + 1] = manifest[place]
    raw = cbor.encode(document)
    try:
        decode_manifest(raw)
    except DecodeError as error:
        raise EncodeError(f"no manifest: {error}") from error
    return raw


def decode_manifest(raw: bytes) -> Manifest:
    """Raises DecodeError."""
    value = fields.map_of(cbor.decode(raw), "release", range(9))
    fields.version(value[0], "release.version")
    fields.identifier(value[1], "release.board")
    _plain(value[2], "release.text")
    number = fields.uint(value[3], "release.number", fields.MAX_TIME)
    floor = fields.uint(value[4], "release.floor", fields.MAX_TIME)
    if not number or floor > number:
        raise DecodeError("field", "release.floor")
    if fields.uint(value[5], "release.form") not in FORMS:
        raise DecodeError("field", "release.form")
    size = fields.uint(value[6], "release.bytes", MOST_CONTENT_BYTES)
    if not size or size % 2:
        raise DecodeError("field", "release.bytes")
    fields.octets(value[7], "release.content", _HASH)
    fields.octets(value[8], "release.files", _HASH)
    return Manifest(*[value[key] for key in range(1, 9)])


def _plain(value: object, where: str) -> None:
    text = fields.text(value, where, 32)
    if not text:
        raise DecodeError("field", where)
    for letter in text:
        if letter not in _LETTERS:
            raise DecodeError("field", where)


# --- the head, whole ---


def encode_head(raw: bytes, signatures: list, files: bytes) -> bytes:  # type: ignore[type-arg]
    """Out of the manifest's bytes, pairs of modulus and signature, and the table of files. The
    same signatures in any order give the same bytes."""
    body = cbor.encode([raw, [list(pair) for pair in sorted(signatures)], files])
    head = MAGIC + len(body).to_bytes(4, "big") + body
    try:
        decode_head(head)
    except DecodeError as error:
        raise EncodeError(f"no head: {error}") from error
    return head


def head_bytes(start: bytes) -> int:
    """The size of the whole head, from its first START_BYTES. Raises DecodeError."""
    size = int.from_bytes(start[4:START_BYTES], "big") + START_BYTES
    if len(start) < START_BYTES or start[:4] != MAGIC or size > MOST_HEAD_BYTES:
        raise DecodeError("release-head", "start")
    return size


def decode_head(data: bytes) -> Head:
    """From the head alone, or a bundle that begins with it. Raises DecodeError."""
    size = head_bytes(data[:START_BYTES])
    if size > len(data):
        raise DecodeError("truncated", f"at {len(data)}")
    value = fields.array(cbor.decode(data[START_BYTES:size]), "release-head", 3)
    raw = fields.octets(value[0], "release-head.manifest")
    manifest = decode_manifest(raw)
    files = fields.octets(value[2], "release-head.files")
    if hashlib.sha256(files).digest() != manifest.files:
        raise DecodeError("hash", "release-head.files")
    return Head(manifest, raw, _signatures(value[1]), decode_files(files))


def _signatures(value: object) -> list:  # type: ignore[type-arg]
    found = fields.array(value, "release-head.signatures")
    if len(found) > MOST_SIGNATURES:
        raise DecodeError("field", "release-head.signatures")
    out: list[tuple[bytes, bytes]] = []
    last = b""
    for item in found:
        pair = fields.array(item, "release-head.signature", 2)
        key = fields.octets(pair[0], "release-head.key", KEY_BYTES)
        _follows(last, key)
        out.append((key, fields.octets(pair[1], "release-head.signature", KEY_BYTES)))
        last = key
    return out


def _follows(last: bytes, key: bytes) -> None:
    # Ascending, so that the same key never counts twice and the bytes are the only ones.
    if key <= last or not rsa.is_modulus(key):
        raise DecodeError("field", "release-head.key")


def encode_files(files: list) -> bytes:  # type: ignore[type-arg]
    """The table of (path, bytes, SHA-256), in order of the paths."""
    return cbor.encode([list(item) for item in sorted(files)])


def decode_files(data: bytes) -> list:  # type: ignore[type-arg]
    """Raises DecodeError."""
    out: list[tuple[str, int, bytes]] = []
    last = ""
    for item in fields.array(cbor.decode(data), "files"):
        path, size, sha256 = fields.array(item, "files", 3)
        fields.text(path, "files.path")
        if path <= last:
            raise DecodeError("field", "files.path")
        fields.uint(size, "files.bytes", MOST_CONTENT_BYTES)
        out.append((path, size, fields.octets(sha256, "files.sha256", _HASH)))
        last = path
    return out


# --- the head, piece by piece: generators that yield how many bytes they need and are sent them ---


def read_manifest():  # type: ignore[no-untyped-def]
    """Returns the manifest's bytes and how many bytes of the head are left."""
    size = head_bytes((yield START_BYTES))
    start = yield 3
    # An array of three; a byte string with its length in one byte.
    if start[:2] != b"\x83\x58" or not 24 <= start[2] <= size - START_BYTES - 3:
        raise DecodeError("release-head", "manifest")
    raw = yield start[2]
    return raw, size - START_BYTES - 3 - len(raw)


def read_count():  # type: ignore[no-untyped-def]
    """Returns the number of signatures; takes one byte."""
    count = (yield 1)[0] - 0x80
    if not 0 <= count <= MOST_SIGNATURES:
        raise DecodeError("release-head", "signatures")
    return count


def read_signature(last):  # type: ignore[no-untyped-def]
    """Returns modulus and signature; `last` is the modulus before, or empty. Takes
    SIGNATURE_BYTES."""
    start = yield 4
    key = yield KEY_BYTES
    between = yield 3
    signature = yield KEY_BYTES
    if start != b"\x82" + _LONG or between != _LONG:
        raise DecodeError("release-head", "signature")
    _follows(last, key)
    return key, signature


# --- whom a vehicle believes: its file `release` ---


def encode_trust(trust: Trust) -> bytes:
    """The file on the board, with its SHA-256: damage must not make two keys out of three one."""
    document = cbor.encode({0: fields.VERSION, 1: trust[0], 2: sorted(trust[1]), 3: trust[2]})
    file = document + hashlib.sha256(document).digest()
    try:
        decode_trust(file)
    except DecodeError as error:
        raise EncodeError(f"no release keys: {error}") from error
    return file


def decode_trust(file: bytes) -> Trust:
    """How many signatures of which keys (thumbprints), and which board this is."""
    document = file[:-_HASH]
    if hashlib.sha256(document).digest() != file[-_HASH:]:
        raise DecodeError("hash", "trust")
    value = fields.map_of(cbor.decode(document), "trust", range(4))
    fields.version(value[0], "trust.version")
    keys = fields.array(value[2], "trust.keys")
    last = b""
    for key in keys:
        if fields.octets(key, "trust.keys", _HASH) <= last:
            raise DecodeError("field", "trust.keys")
        last = key
    threshold = fields.uint(value[1], "trust.threshold", len(keys))
    if not threshold or len(keys) > MOST_KEYS:
        raise DecodeError("field", "trust.threshold")
    return Trust(threshold, keys, fields.identifier(value[3], "trust.board"))
