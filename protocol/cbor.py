"""Deterministic CBOR (RFC 8949 section 4.2.1), narrowed to what the protocol uses.

Integers of 64 bits, byte and text strings, arrays, maps with unsigned keys, false, true, null.
Everything else is refused: what decodes here has exactly one encoding, the bytes that came in.
"""

from protocol.errors import DecodeError, EncodeError

MAX_BYTES = 65535
MAX_DEPTH = 8
# A bound on the work that 64 kB can cause; the largest document of the protocol has under 200.
MAX_ITEMS = 2048
MAX_TEXT = 1024

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_MAX_ARGUMENT = 0xFFFFFFFFFFFFFFFF


def encode(value: object) -> bytes:
    """Encode `value` in the one form that `decode` accepts. Raises EncodeError."""
    out = bytearray()
    _write(out, value, 1)
    if len(out) > MAX_BYTES:
        raise EncodeError("more than 65,535 bytes")
    return bytes(out)


def decode(data: bytes) -> object:
    """Decode one whole document. Raises DecodeError, named after the rule that is broken."""
    if len(data) > MAX_BYTES:
        raise DecodeError("too-large", str(len(data)))
    reader = _Reader(bytes(data))
    value = reader.read(1)
    if reader.at != len(data):
        raise DecodeError("trailing-bytes", f"at {reader.at}")
    return value


def _write(out: bytearray, value: object, depth: int) -> None:
    # `is` before isinstance: True is an int on CPython and is none on MicroPython.
    if value is False or value is True or value is None:
        out.append(0xF6 if value is None else 0xF5 if value else 0xF4)
        return
    if isinstance(value, int):
        _write_head(out, _UINT if value >= 0 else _NEGATIVE, value if value >= 0 else -1 - value)
        return
    if isinstance(value, (bytes, bytearray, memoryview)):
        _write_head(out, _BYTES, len(value))
        out.extend(value)
        return
    if isinstance(value, str):
        _write_text(out, value)
        return
    if depth > MAX_DEPTH:
        raise EncodeError("deeper than 8")
    if isinstance(value, dict):
        _write_map(out, value, depth)
        return
    if not isinstance(value, (list, tuple)):
        raise EncodeError(f"no encoding for {type(value)}")
    _write_head(out, _ARRAY, len(value))
    for item in value:
        _write(out, item, depth + 1)


def _write_text(out: bytearray, value: str) -> None:
    raw = value.encode()
    if len(raw) > MAX_TEXT:
        raise EncodeError("a text of more than 1,024 bytes")
    _write_head(out, _TEXT, len(raw))
    out.extend(raw)


def _write_map(out: bytearray, value: dict, depth: int) -> None:  # type: ignore[type-arg]
    _write_head(out, _MAP, len(value))
    for key in value:
        if key is True or key is False or not isinstance(key, int) or key < 0:
            raise EncodeError("map keys are unsigned integers")
    for key in sorted(value):
        _write_head(out, _UINT, key)
        _write(out, value[key], depth + 1)


def _write_head(out: bytearray, major: int, argument: int) -> None:
    if argument > _MAX_ARGUMENT:
        raise EncodeError("more than 64 bits")
    if argument < 24:
        out.append(major << 5 | argument)
        return
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            out.append(major << 5 | info)
            out.extend(argument.to_bytes(size, "big"))
            return


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise DecodeError("truncated", f"at {self.at}")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def head(self) -> tuple[int, int]:
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if info == 31:
            raise DecodeError("indefinite-length", f"at {self.at - 1}")
        if info > 27:
            raise DecodeError("reserved", f"at {self.at - 1}")
        if major == _SIMPLE:
            raise DecodeError("float-or-simple", f"at {self.at - 1}")
        size = 1 << (info - 24)
        argument = int.from_bytes(self.take(size), "big")
        if argument < 24 or (size > 1 and argument < 1 << (4 * size)):
            raise DecodeError("longer-form", f"at {self.at - size - 1}")
        return major, argument

    def read(self, depth: int) -> object:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise DecodeError("too-many-items", f"at {self.at}")
        major, argument = self.head()
        if major == _UINT:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES:
            return self.take(argument)
        if major == _TEXT:
            return self.text(argument)
        if major == _SIMPLE:
            return self.simple(argument)
        if major == _TAG:
            raise DecodeError("tag", f"at {self.at}")
        if depth > MAX_DEPTH:
            raise DecodeError("too-deep", f"at {self.at}")
        return self.array(argument, depth) if major == _ARRAY else self.map(argument, depth)

    def text(self, size: int) -> str:
        if size > MAX_TEXT:
            raise DecodeError("text-too-long", f"at {self.at}")
        raw = self.take(size)
        if not is_utf8(raw):
            raise DecodeError("utf8", f"at {self.at - size}")
        return raw.decode()

    def simple(self, argument: int) -> bool | None:
        if argument == 20 or argument == 21:
            return argument == 21
        if argument == 22:
            return None
        raise DecodeError("float-or-simple", f"at {self.at - 1}")

    def array(self, size: int, depth: int) -> list[object]:
        if size > len(self.data) - self.at:
            raise DecodeError("truncated", f"at {self.at}")
        return [self.read(depth + 1) for _ in range(size)]

    def map(self, size: int, depth: int) -> dict[int, object]:
        if size > len(self.data) - self.at:
            raise DecodeError("truncated", f"at {self.at}")
        out: dict[int, object] = {}
        last = -1
        for _ in range(size):
            major, key = self.head()
            if major != _UINT:
                raise DecodeError("map-key", f"at {self.at}")
            if key == last:
                raise DecodeError("duplicate-key", str(key))
            if key < last:
                raise DecodeError("unsorted-key", str(key))
            out[key] = self.read(depth + 1)
            last = key
        return out


def is_utf8(raw: bytes) -> bool:
    """Well-formed UTF-8 (Unicode 15, table 3-7)? MicroPython's decode lets overlong forms pass."""
    at = 0
    while at < len(raw):
        first = raw[at]
        if first < 0x80:
            at += 1
            continue
        size = (
            2
            if 0xC2 <= first <= 0xDF
            else 3
            if 0xE0 <= first <= 0xEF
            else 4
            if 0xF0 <= first <= 0xF4
            else 0
        )
        if not size or at + size > len(raw):
            return False
        low = {0xE0: 0xA0, 0xF0: 0x90}.get(first, 0x80)
        high = {0xED: 0x9F, 0xF4: 0x8F}.get(first, 0xBF)
        if not low <= raw[at + 1] <= high:
            return False
        for follow in raw[at + 2 : at + size]:
            if follow & 0xC0 != 0x80:
                return False
        at += size
    return True
