"""HMAC-SHA256 (RFC 2104) on hashlib alone, because MicroPython has no hmac module."""

import hashlib

_BLOCK = 64


class Hmac:
    """A key made ready once; `tag` then costs two hashes and keeps no state between calls."""

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        key = key + bytes(_BLOCK - len(key))
        self._inner = bytes([b ^ 0x36 for b in key])
        self._outer = bytes([b ^ 0x5C for b in key])

    def tag(self, message: bytes) -> bytes:
        """The 32-byte tag of `message`."""
        inner = hashlib.sha256(self._inner)
        inner.update(message)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()

    def matches(self, message: bytes, tag: bytes) -> bool:
        """Compare in constant time: every byte is looked at whatever the first one says."""
        return same(self.tag(message), tag)


def same(left: bytes, right: bytes) -> bool:
    """Equal, in a time that depends on the lengths only."""
    if len(left) != len(right):
        return False
    difference = 0
    for i in range(len(left)):
        difference |= left[i] ^ right[i]
    return difference == 0


def record_key(vehicle_key: bytes) -> bytes:
    """The key of a vehicle's records, derived from the vehicle's own 32 random bytes."""
    return Hmac(vehicle_key).tag(b"trifleet/record-key/v1")
