"""The application as one ROMFS image with a seal, as it lies in a slot of a board's partition.

The format is MicroPython's (extmod/vfs_rom.c): records of kind, size and payload, numbers in groups
of seven bits, the highest first. The seal is a record of the kind that readers skip, and the first
one; firmware/boot.py runs no image without it. Decoders raise ImageError and nothing else.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import ImageError

MAGIC = b"\xd2\xcd\x31"
COMMENT, VERBATIM, FOLDER, FILE = 1, 2, 4, 5
MOST_IMAGE_BYTES = 1 << 24
LONGEST_NAME = 64

# Name, sequence, SHA-256 of everything behind the seal; then a check of these three.
_SEAL = struct.Struct(">4sI32s")
_SEAL_NAME = b"TFS1"
_CHECK_BYTES = 8
SEAL_BYTES = _SEAL.size + _CHECK_BYTES
HEAD_BYTES = 64  # enough for the header, its size and the seal
_MOST_SEQUENCE = 0xFFFF_FFFF


@dataclass(frozen=True)
class Sealed:
    """What is known of an image whose seal and hash are right. `body` is the same for the same
    files, whatever the sequence."""

    sequence: int
    body: bytes
    image_bytes: int


def build(files: Mapping[str, bytes], sequence: int | None = None) -> bytes:
    """The files (paths with "/") in order of their names; sealed where a sequence is given."""
    body = _folder_content(_tree(files))
    if sequence is not None:
        body = _record(COMMENT, make_seal(sequence, hashlib.sha256(body).digest())) + body
    size = _number(len(body))
    if (len(MAGIC) + len(size) + len(body)) % 2:
        size = b"\x80" + size  # an image has an even number of bytes
    image = MAGIC + size + body
    if len(image) > MOST_IMAGE_BYTES:
        raise ImageError(f"an image of {len(image)} bytes")
    return image


def decode_seal(head: bytes) -> tuple[Sealed, int]:
    """From the first HEAD_BYTES of an image or a slot: what its seal says, and where the body
    begins whose hash is still to be compared."""
    begin, end = _size(head)
    begin += 2 + SEAL_BYTES
    seal = head[begin - SEAL_BYTES : begin]
    if head[begin - SEAL_BYTES - 2 : begin - SEAL_BYTES] != bytes((COMMENT, SEAL_BYTES)):
        raise ImageError("no seal")
    if len(seal) != SEAL_BYTES or begin > end or _check(seal[: _SEAL.size]) != seal[_SEAL.size :]:
        raise ImageError("a damaged seal")
    name, sequence, body = _SEAL.unpack_from(seal)
    if name != _SEAL_NAME:
        raise ImageError(f"a seal of another kind: {name!r}")
    return Sealed(sequence, body, end), begin


def decode_bare_seal(seal: bytes) -> Sealed | None:
    """Of the file slotN.seal, where the files lie beside it; None where it is none."""
    if len(seal) != SEAL_BYTES or _check(seal[: _SEAL.size]) != seal[_SEAL.size :]:
        return None
    name, sequence, body = _SEAL.unpack_from(seal)
    return Sealed(sequence, body, 0) if name == _SEAL_NAME else None


def read_seal(image: bytes) -> Sealed:
    """Of an image, or of a slot that begins with one."""
    sealed, begin = decode_seal(image)
    if sealed.image_bytes > len(image):
        raise ImageError(f"{len(image)} bytes of {sealed.image_bytes}")
    if hashlib.sha256(image[begin : sealed.image_bytes]).digest() != sealed.body:
        raise ImageError("not what was sealed")
    return sealed


def read_files(image: bytes) -> dict[str, bytes]:
    """Every file with its path. Refuses what `build` never writes."""
    begin, end = _size(image)
    if end > len(image):
        raise ImageError(f"{len(image)} bytes of {end}")
    found: dict[str, bytes] = {}
    _read_folder(image, begin, end, "", found)
    return found


def _tree(files: Mapping[str, bytes]) -> dict[str, object]:
    root: dict[str, object] = {}
    for path, data in files.items():
        *folders, name = path.split("/")
        folder = root
        for part in folders:
            inner = folder.setdefault(_checked(part), {})
            if not isinstance(inner, dict):
                raise ImageError(f"{path}: {part} is a file and a folder")
            folder = inner
        if folder.setdefault(_checked(name), data) is not data:
            raise ImageError(f"{path}: a file and a folder")
    return root


def _checked(name: str) -> str:
    if not 0 < len(name) <= LONGEST_NAME or not name.isascii() or not name.isprintable():
        raise ImageError(f"{name!r} is not a name for a file")
    if name in (".", ".."):
        raise ImageError(f"{name!r} is not a name for a file")
    return name


def _folder_content(tree: Mapping[str, object]) -> bytes:
    out = bytearray()
    for name in sorted(tree):
        entry = tree[name]
        head = _number(len(name)) + name.encode("ascii")
        if isinstance(entry, dict):
            out += _record(FOLDER, head + _folder_content(entry))
        elif isinstance(entry, bytes):
            out += _record(FILE, head + _record(VERBATIM, entry))
        else:
            raise ImageError(f"{name}: {type(entry).__name__} instead of bytes")
    return bytes(out)


def make_seal(sequence: int, body: bytes) -> bytes:
    """`body` is the SHA-256 of what is sealed."""
    if not 0 <= sequence <= _MOST_SEQUENCE:
        raise ImageError(f"sequence {sequence} does not fit the seal")
    said = _SEAL.pack(_SEAL_NAME, sequence, body)
    return said + _check(said)


def _check(said: bytes) -> bytes:
    return hashlib.sha256(said).digest()[:_CHECK_BYTES]


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))


def _size(image: bytes) -> tuple[int, int]:
    """Where the records begin and end, as the header says."""
    if image[: len(MAGIC)] != MAGIC:
        raise ImageError("no ROMFS")
    size, begin = _read_number(image, len(MAGIC), len(image))
    return begin, begin + size


def _read_number(image: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(at, min(end, at + 5)):
        value = value << 7 | image[place] & 0x7F
        if image[place] < 0x80:
            return value, place + 1
    raise ImageError(f"no number at byte {at}")


def _read_record(image: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Kind, begin and end of the payload."""
    kind, at = _read_number(image, at, end)
    size, at = _read_number(image, at, end)
    if at + size > end:
        raise ImageError(f"a record that ends behind byte {end}")
    return kind, at, at + size


def _read_folder(image: bytes, at: int, end: int, path: str, found: dict[str, bytes]) -> None:
    if path.count("/") > 8:
        raise ImageError(f"{path}: too deep")
    while at < end:
        kind, begin, at = _read_record(image, at, end)
        if kind == COMMENT:
            continue
        if kind not in (FOLDER, FILE):
            raise ImageError(f"a record of kind {kind}")
        name, begin = _read_name(image, begin, at)
        if kind == FOLDER:
            _read_folder(image, begin, at, f"{path}{name}/", found)
        elif path + name in found:
            raise ImageError(f"{path}{name}: twice")
        else:
            found[path + name] = _read_data(image, begin, at)


def _read_name(image: bytes, at: int, end: int) -> tuple[str, int]:
    size, at = _read_number(image, at, end)
    if at + size > end:
        raise ImageError("a name that is cut off")
    name = image[at : at + size].decode("ascii", errors="replace")
    if "/" in name:
        raise ImageError(f"{name!r} is not a name for a file")
    return _checked(name), at + size


def _read_data(image: bytes, at: int, end: int) -> bytes:
    kind, begin, after = _read_record(image, at, end)
    if kind != VERBATIM or after != end:
        raise ImageError("a file that is not one piece of data")
    return image[begin:after]
