"""Deterministic CBOR (RFC 8949 section 4.2.1), narrowed to the shapes of a COSE receipt.

Integers of 64 bits, byte strings, arrays, maps with integer keys, tags, null; texts are written and
never read. Refuses every other spelling of what it knows, and everything that it does not know.
"""

from dataclasses import dataclass

from .errors import ProofError

MAX_BYTES = 65_535
MAX_DEPTH = 8
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_NULL = 0xF6
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


@dataclass(frozen=True)
class Tagged:
    """A value with its tag number (RFC 8949 section 3.4)."""

    tag: int
    value: object


def encode(value: object) -> bytes:
    """The one encoding of `value`. Raises TypeError for what the shapes above do not hold."""
    match value:
        case None:
            return bytes([_NULL])
        case bool():
            raise TypeError("a receipt holds no truth values")
        case int():
            return _head(_UINT, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            return _head(_TEXT, len(value.encode())) + value.encode()
        case list() | tuple():
            return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
        case dict():
            pairs = sorted((encode(key), encode(item)) for key, item in value.items())
            return _head(_MAP, len(pairs)) + b"".join(key + item for key, item in pairs)
        case Tagged():
            return _head(_TAG, value.tag) + encode(value.value)
    raise TypeError(f"no encoding for {type(value).__name__}")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in _SIZES.items():
        if argument < 1 << (8 * size):
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise TypeError("more than 64 bits")


def decode(data: bytes) -> object:
    """One whole document. Raises ProofError.

    The reader refuses what is not deterministic; the value is encoded again all the same and must
    give the bytes that came in, so that no slip of the reader can let a second spelling through.
    """
    if len(data) > MAX_BYTES:
        raise ProofError(f"CBOR of {len(data)} bytes; at most {MAX_BYTES} are read")
    reader = _Reader(data)
    value = reader.read(1)
    if reader.at != len(data):
        raise ProofError(f"CBOR: {len(data) - reader.at} bytes after the end")
    if encode(value) != data:
        raise ProofError("CBOR is not deterministic")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise ProofError(f"CBOR is cut off at byte {self.at}")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def head(self) -> tuple[int, int]:
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if first == _NULL:
            return 7, 0
        if major == 7 or info > 27:
            raise ProofError(f"CBOR holds what no receipt holds at byte {self.at - 1}")
        if info < 24:
            return major, info
        size = _SIZES[info]
        argument = int.from_bytes(self.take(size), "big")
        if argument < 24 or (size > 1 and argument < 1 << (4 * size)):
            raise ProofError(f"CBOR has a longer form than needed at byte {self.at - size - 1}")
        return major, argument

    def read(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise ProofError(f"CBOR is deeper than {MAX_DEPTH}")
        major, argument = self.head()
        if major == _UINT:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES:
            return self.take(argument)
        if major == _TAG:
            return Tagged(argument, self.read(depth + 1))
        if major in (_ARRAY, _MAP):
            # Each item has at least one byte: a count beyond that is refused before any work.
            if argument > len(self.data) - self.at:
                raise ProofError(f"CBOR is cut off at byte {self.at}")
            return self.array(argument, depth) if major == _ARRAY else self.map(argument, depth)
        if major == _TEXT:
            raise ProofError(f"CBOR holds a text at byte {self.at}")
        return None

    def array(self, size: int, depth: int) -> list[object]:
        return [self.read(depth + 1) for _ in range(size)]

    def map(self, size: int, depth: int) -> dict[int, object]:
        found: dict[int, object] = {}
        last = b""
        for _ in range(size):
            start = self.at
            key = self.read(depth + 1)
            encoded = self.data[start : self.at]
            if not isinstance(key, int):
                raise ProofError(f"CBOR: the key at byte {start} is no integer")
            # Bytewise order of the encoded keys, not the older rule that sorts by length first.
            if encoded <= last:
                raise ProofError(f"CBOR: the key at byte {start} is twice there or out of order")
            found[key] = self.read(depth + 1)
            last = encoded
        return found
